@echo off
rem Any Python can run start.py, which looks for the right one. The window stays open, so that its last line can be read.
rem A launcher or the shop's sign may be there with no Python behind it: what does not run is passed over.
py -3 -c "" >nul 2>nul && goto launcher
python -c "" >nul 2>nul && goto python
echo No Python here. Install one that README.txt names, from python.org, and start again.
goto end
:launcher
py -3 "%~dp0start.py" %*
goto end
:python
python "%~dp0start.py" %*
:end
pause
