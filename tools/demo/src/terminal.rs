//! The terminal: taken over for the live view, given back at the end, whatever the end is.

use std::{
    io::{self, BufWriter, Stdout, Write},
    thread,
};

use crossterm::{
    cursor::{Hide, MoveTo, Show},
    event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
    queue,
    style::{Attribute, Color, Print, SetAttribute, SetForegroundColor},
    terminal::{
        self, BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate,
        EnterAlternateScreen, LeaveAlternateScreen,
    },
};
use tokio::sync::mpsc;

use crate::view::{Line, Style};

/// What the person at the keyboard did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Input {
    /// Asked for the end: `q`, Escape or Ctrl-C.
    Quit,
    /// Changed the window's size.
    Resize,
}

/// The terminal in our hands: raw mode, the alternate screen, no cursor.
#[derive(Debug)]
pub(crate) struct Terminal {
    out: BufWriter<Stdout>,
}

impl Terminal {
    /// Takes the terminal over.
    ///
    /// # Errors
    ///
    /// When stdout is no terminal, or one that cannot be set to raw mode.
    pub(crate) fn take() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        // From here on, dropping this value gives the terminal back.
        let mut taken = Self {
            out: BufWriter::new(io::stdout()),
        };
        queue!(taken.out, EnterAlternateScreen, Hide, Clear(ClearType::All))?;
        taken.out.flush()?;
        Ok(taken)
    }

    /// Returns columns and rows.
    ///
    /// # Errors
    ///
    /// When the terminal does not tell.
    pub(crate) fn size() -> io::Result<(usize, usize)> {
        let (columns, rows) = terminal::size()?;
        Ok((columns.into(), rows.into()))
    }

    /// Shows these lines from the top, in one update: each is overwritten in place, so that nothing flickers.
    ///
    /// # Errors
    ///
    /// When the terminal is gone.
    pub(crate) fn draw(&mut self, lines: &[Line]) -> io::Result<()> {
        queue!(self.out, BeginSynchronizedUpdate)?;
        for (row, line) in (0..).zip(lines) {
            queue!(self.out, MoveTo(0, row))?;
            for span in line.spans() {
                match span.style {
                    Style::Plain => {}
                    Style::Strong => queue!(self.out, SetAttribute(Attribute::Bold))?,
                    Style::Faint => queue!(self.out, SetAttribute(Attribute::Dim))?,
                    Style::Good => queue!(self.out, SetForegroundColor(Color::Green))?,
                    Style::Bad => queue!(self.out, SetForegroundColor(Color::Red))?,
                }
                queue!(self.out, Print(&span.text), SetAttribute(Attribute::Reset))?;
            }
            queue!(self.out, Clear(ClearType::UntilNewLine))?;
        }
        if let Ok(below) = u16::try_from(lines.len()) {
            let rows = terminal::size()?.1;
            if below < rows {
                queue!(self.out, MoveTo(0, below), Clear(ClearType::FromCursorDown))?;
            }
        }
        queue!(self.out, EndSynchronizedUpdate)?;
        self.out.flush()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing given back.
        let _ = queue!(self.out, Show, LeaveAlternateScreen).and_then(|()| self.out.flush());
        let _ = terminal::disable_raw_mode();
    }
}

/// Reads the keyboard on a thread of its own, which ends with the process.
///
/// # Errors
///
/// When there is no thread to be had.
pub(crate) fn inputs() -> io::Result<mpsc::UnboundedReceiver<Input>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    thread::Builder::new()
        .name("keyboard".to_owned())
        .spawn(move || {
            while let Ok(event) = event::read() {
                if let Some(input) = input(&event)
                    && sender.send(input).is_err()
                {
                    return;
                }
            }
        })?;
    Ok(receiver)
}

fn input(event: &Event) -> Option<Input> {
    match event {
        Event::Resize(..) => Some(Input::Resize),
        Event::Key(key) if key.kind != KeyEventKind::Release => match key.code {
            KeyCode::Char('q' | 'Q') | KeyCode::Esc => Some(Input::Quit),
            // In raw mode the terminal makes no signal of it.
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                Some(Input::Quit)
            }
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::KeyEvent;

    #[test]
    fn q_escape_and_ctrl_c_quit() {
        let quits = [
            (KeyCode::Char('q'), KeyModifiers::NONE, true),
            (KeyCode::Esc, KeyModifiers::NONE, true),
            (KeyCode::Char('c'), KeyModifiers::CONTROL, true),
            (KeyCode::Char('c'), KeyModifiers::NONE, false),
        ];
        for (code, modifiers, quit) in quits {
            let seen = input(&Event::Key(KeyEvent::new(code, modifiers)));
            assert_eq!(seen == Some(Input::Quit), quit, "{code:?} {modifiers:?}");
        }
    }
}
