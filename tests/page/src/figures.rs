//! What stands on the page, as a test reads it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::tab::Tab;

/// One figure: its value, and how it is written for people.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Figure {
    value: String,
    /// What is written.
    pub text: String,
}

impl Figure {
    /// Returns the value; may be NaN.
    ///
    /// # Panics
    ///
    /// When it is no number.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.value
            .parse()
            .unwrap_or_else(|_| panic!("{self:?} is no number"))
    }
}

/// One method's row.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Row {
    /// `provider` or `consumer`.
    pub side: String,
    /// The method's name.
    pub method: String,
    /// Its interface, with group and version if there are any.
    pub of: String,
    /// The figures by their columns.
    pub figures: BTreeMap<String, Figure>,
    /// The paths of the lines, as SVG has them.
    pub lines: Vec<String>,
}

const FIGURES: &str =
    "(element) => Object.fromEntries([...element.querySelectorAll('[data-figure]')]
    .map(({dataset, textContent}) => [dataset.figure, {value: dataset.value, text: textContent}]))";

impl Tab {
    /// Returns the rows of the table, from top to bottom.
    pub async fn rows(&self) -> Vec<Row> {
        self.evaluate(&format!(
            "[...document.querySelectorAll('tbody tr')].map((row) => ({{
                side: row.querySelector('td').textContent,
                method: row.querySelector('th bdi').textContent,
                of: row.querySelector('th bdi + bdi').textContent,
                figures: ({FIGURES})(row),
                lines: [...row.querySelectorAll('path:not(.area)')].map((path) => path.getAttribute('d') ?? ''),
            }}))"
        ))
        .await
    }

    /// Returns the figures of a whole side.
    pub async fn side(&self, side: &str) -> BTreeMap<String, Figure> {
        self.evaluate(&format!(
            "({FIGURES})(document.querySelector('section[aria-labelledby={side}]'))"
        ))
        .await
    }

    /// Returns the text of the element with this id.
    pub async fn text(&self, id: &str) -> String {
        self.evaluate(&format!("document.getElementById('{id}').textContent"))
            .await
    }

    /// Waits until this many readings have been shown since the page was opened.
    pub async fn readings(&self, count: u32) {
        self.until(&format!(
            "Number(document.body.dataset.readings ?? 0) >= {count}"
        ))
        .await;
    }
}
