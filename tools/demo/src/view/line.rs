//! A line of text with styles, apart from any terminal.

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Style {
    /// As the terminal writes by itself.
    Plain,
    /// A heading.
    Strong,
    /// Something that may be overlooked.
    Faint,
    /// All is well.
    Good,
    /// Something failed.
    Bad,
}

/// A piece of a line in one style.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    /// What is written, with no control characters.
    pub(crate) text: String,
    /// How it looks.
    pub(crate) style: Style,
}

/// One line of the screen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line(Vec<Span>);

impl Line {
    /// Returns a line of one span.
    pub(crate) fn new(style: Style, text: impl Into<String>) -> Self {
        Self::default().with(style, text)
    }

    /// Adds a span at the end.
    pub(crate) fn with(mut self, style: Style, text: impl Into<String>) -> Self {
        self.0.push(Span {
            text: text.into(),
            style,
        });
        self
    }

    /// Returns the spans from left to right.
    pub(crate) fn spans(&self) -> &[Span] {
        &self.0
    }

    /// Cuts the line after `width` characters. All that the view writes is one column wide.
    pub(crate) fn cut(mut self, width: usize) -> Self {
        let mut left = width;
        for span in &mut self.0 {
            if let Some((end, _)) = span.text.char_indices().nth(left) {
                span.text.truncate(end);
            }
            left -= span.text.chars().count();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_by_characters_across_its_spans() {
        let line = Line::new(Style::Plain, "αβγ").with(Style::Bad, "δε");
        let text = |line: &Line| -> Vec<String> {
            line.spans().iter().map(|span| span.text.clone()).collect()
        };
        assert_eq!(text(&line.clone().cut(4)), ["αβγ", "δ"]);
        assert_eq!(text(&line.clone().cut(2)), ["αβ", ""]);
        assert_eq!(text(&line.cut(9)), ["αβγ", "δε"]);
    }
}
