//! The only place that writes to standard output.
//!
//! A closed pipe (`vivier match ... | head`) is a normal end; colour appears on
//! a terminal only.

use std::fmt;
use std::io::{self, IsTerminal, Write};

/// Where results are printed.
pub(crate) struct Output {
    out: Box<dyn Write>,
    colour: bool,
}

impl Output {
    /// Prints to standard output.
    pub(crate) fn stdout() -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        Self {
            out: Box::new(stdout.lock()),
            colour: terminal,
        }
    }

    /// Prints into a writer, without colour.
    pub(crate) fn plain(out: impl Write + 'static) -> Self {
        Self {
            out: Box::new(out),
            colour: false,
        }
    }

    /// Prints one line.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub(crate) fn line(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        self.out.write_fmt(text)?;
        self.out.write_all(b"\n")
    }

    /// Prints text as it is.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub(crate) fn text(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Emphasises.
    pub(crate) fn bold<'a>(&self, text: &'a str) -> Styled<'a> {
        self.style("1", text)
    }

    /// Recedes.
    pub(crate) fn dim<'a>(&self, text: &'a str) -> Styled<'a> {
        self.style("2", text)
    }

    /// Marks what is good.
    pub(crate) fn green<'a>(&self, text: &'a str) -> Styled<'a> {
        self.style("32", text)
    }

    /// Marks what is bad.
    pub(crate) fn red<'a>(&self, text: &'a str) -> Styled<'a> {
        self.style("31", text)
    }

    /// Marks what needs a look.
    pub(crate) fn yellow<'a>(&self, text: &'a str) -> Styled<'a> {
        self.style("33", text)
    }

    fn style<'a>(&self, code: &'static str, text: &'a str) -> Styled<'a> {
        Styled {
            code: self.colour.then_some(code),
            text,
        }
    }
}

/// A text with an optional terminal style.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Styled<'a> {
    code: Option<&'static str>,
    text: &'a str,
}

impl fmt::Display for Styled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "\x1b[{code}m{}\x1b[0m", self.text),
            None => f.write_str(self.text),
        }
    }
}
