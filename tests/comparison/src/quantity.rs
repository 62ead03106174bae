//! What is measured: the one table of quantities, their titles and their units.

use serde::{Deserialize, Serialize};

use crate::part::Part;

/// A unit, and how many digits a figure in it is shown with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Calls in a second.
    PerSecond,
    /// Microseconds.
    Micros,
    /// Milliseconds.
    Millis,
    /// 2^20 bytes.
    Mebibytes,
    /// 2^10 bytes.
    Kibibytes,
    /// A number.
    Count,
    /// Hundredths.
    Percent,
}

impl Unit {
    /// Returns the unit's name; empty for a number.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PerSecond => "/s",
            Self::Micros => "µs",
            Self::Millis => "ms",
            Self::Mebibytes => "MiB",
            Self::Kibibytes => "KiB",
            Self::Count => "",
            Self::Percent => "%",
        }
    }

    /// Writes a figure with three significant digits, whole numbers with all of theirs, and the unit.
    pub(crate) fn show(self, figure: f64) -> String {
        let digits = match self {
            Self::Count => whole(figure),
            _ => significant(figure),
        };
        match self.name() {
            "" => digits,
            "/s" => format!("{digits}/s"),
            name => format!("{digits} {name}"),
        }
    }
}

/// Writes three significant digits, and thousands apart.
fn significant(figure: f64) -> String {
    let size = figure.abs();
    if !figure.is_finite() {
        figure.to_string()
    } else if size >= 1000.0 {
        let step = 10f64.powf(size.log10().floor() - 2.0);
        whole((figure / step).round() * step)
    } else if size >= 100.0 {
        format!("{figure:.0}")
    } else if size >= 10.0 {
        format!("{figure:.1}")
    } else if size >= 1.0 || size == 0.0 {
        format!("{figure:.2}")
    } else {
        format!("{figure:.3}")
    }
}

fn whole(figure: f64) -> String {
    let digits = format!("{:.0}", figure.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if figure <= -0.5 {
        format!("-{text}")
    } else {
        text
    }
}

macro_rules! quantities {
    ($($name:ident: $part:ident, $unit:ident, $title:literal;)+) => {
        /// One thing that is measured of each subject.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub(crate) enum Quantity {
            $(#[doc = $title] $name,)+
        }

        impl Quantity {
            /// All of them, in the order in which they are shown.
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)+];

            /// Returns the part that measures it.
            pub(crate) fn part(self) -> Part {
                match self { $(Self::$name => Part::$part,)+ }
            }

            /// Returns its unit.
            pub(crate) fn unit(self) -> Unit {
                match self { $(Self::$name => Unit::$unit,)+ }
            }

            /// Returns what it is called in tables.
            pub(crate) fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }
        }
    };
}

quantities! {
    ProviderCalls: Provider, PerSecond, "calls";
    ProviderCpu: Provider, Micros, "CPU per call";
    ProviderMemory: Provider, Mebibytes, "memory";
    ProviderCallsAlone: Provider, PerSecond, "calls on one connection";
    ProviderCpuAlone: Provider, Micros, "CPU per call on one connection";
    ProviderP50: Provider, Millis, "p50 at 2,000/s";
    ProviderP99: Provider, Millis, "p99 at 2,000/s";
    BusyCalls: Handlers, PerSecond, "calls on 8 connections";
    BusyCallsAlone: Handlers, PerSecond, "calls on one connection";
    LightBesideHeavy: Handlers, Millis, "p99 of light connections beside heavy ones";
    LightBesideBlocked: Handlers, Millis, "p99 of a light method beside one that blocks";
    HealthBesideBlocked: Handlers, Millis, "p99 of health checks there";
    ConsumerCalls: Consumer, PerSecond, "calls";
    ConsumerCpu: Consumer, Micros, "CPU per call";
    ConsumerMemory: Consumer, Mebibytes, "memory";
    PairCalls: Pair, PerSecond, "calls";
    PairRate: Pair, PerSecond, "calls, with pauses";
    PairP50: Pair, Millis, "p50 with pauses";
    PairP99: Pair, Millis, "p99 with pauses";
    Made: Exactness, Count, "calls answered";
    Lost: Exactness, Count, "of these not counted";
    Left: Exactness, Count, "in flight at the end, by its gauge";
    TrueP50: Exactness, Millis, "true p50 of a spread delay";
    ErrorP50: Exactness, Percent, "error of the printed p50";
    TrueP99: Exactness, Millis, "true p99 of a spread delay";
    ErrorP99: Exactness, Percent, "error of the printed p99";
    ProviderStart: Costs, Millis, "provider: start to first answer";
    ConsumerStart: Costs, Millis, "consumer: start to first answer";
    ProviderBinary: Costs, Mebibytes, "provider: size of the program";
    ConsumerBinary: Costs, Mebibytes, "consumer: size of the program";
    ScrapeTime: Costs, Millis, "scrape, 1 method";
    ScrapeSize: Costs, Kibibytes, "its size";
    ScrapeTimeThousand: Costs, Millis, "scrape, 1,000 methods";
    ScrapeSizeThousand: Costs, Kibibytes, "its size, 1,000 methods";
    PushCpu: Costs, Micros, "CPU per push, 1 method";
    PushCpuHundred: Costs, Micros, "CPU per push, 100 methods";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_shown_with_three_digits_and_their_unit() {
        let shown = [
            (Unit::PerSecond, 151_234.0, "151,000/s"),
            (Unit::PerSecond, 8_456.7, "8,460/s"),
            (Unit::Micros, 123.4, "123 µs"),
            (Unit::Micros, 7.234, "7.23 µs"),
            (Unit::Millis, 0.2149, "0.215 ms"),
            (Unit::Mebibytes, 14.96, "15.0 MiB"),
            (Unit::Count, 1_500_000.0, "1,500,000"),
            (Unit::Count, -3.0, "-3"),
            (Unit::Count, 0.0, "0"),
            (Unit::Percent, 0.0, "0.00 %"),
        ];
        for (unit, figure, text) in shown {
            assert_eq!(unit.show(figure), text);
        }
    }

    #[test]
    fn every_part_measures_something_or_growth() {
        for part in Part::ALL {
            let measures = Quantity::ALL.iter().any(|quantity| quantity.part() == part);
            assert!(measures || part == Part::Growth, "{part}");
        }
    }
}
