@echo off
rem Any Python can run start.py, which looks for the right one. The window stays open, so that its last line can be read.
where py >nul 2>nul
if not errorlevel 1 (
    py -3 "%~dp0start.py" %*
) else (
    python "%~dp0start.py" %*
    if errorlevel 9009 echo No Python here. Install one that README.txt names, from python.org, and start again.
)
pause
