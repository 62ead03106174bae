//! The plot: who makes how many calls a second at what CPU time, and what growth costs.

use std::path::Path;

use anyhow::anyhow;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::quantity::Quantity;
use crate::results::{Added, Results, Watched};
use crate::statistics::median;
use crate::subject::{Family, Subject};

const SIZE: (u32, u32) = (1000, 980);
const FONT: &str = "sans-serif";
const OURS: RGBColor = RGBColor(0x2a, 0x6f, 0xbb);
const TONIC: RGBColor = RGBColor(0x8a, 0x93, 0x9c);
const DUBBO_GO: RGBColor = RGBColor(0xd5, 0x7b, 0x2a);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Draws what was measured.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn draw(results: &Results, path: &Path) -> anyhow::Result<()> {
    draw_all(results, path).map_err(|err| anyhow!("{}: {err}", path.display()))
}

fn draw_all(results: &Results, path: &Path) -> Drawn {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (bars, curves) = root.split_vertically(660);
    let panels = bars.split_evenly((3, 2));
    let quantities = [
        (Quantity::ProviderCalls, "Provider: calls a second"),
        (Quantity::ProviderCpu, "Provider: CPU time per call, µs"),
        (
            Quantity::ConsumerCalls,
            "Consumer, 16 callers: calls a second",
        ),
        (Quantity::ConsumerCpu, "Consumer: CPU time per call, µs"),
        (
            Quantity::PairCalls,
            "End to end, 16 callers: calls a second",
        ),
        (Quantity::PairP99, "End to end, with pauses: p99, ms"),
    ];
    for (panel, (quantity, title)) in panels.iter().zip(quantities) {
        draw_bars(panel, results, quantity, title)?;
    }
    for (panel, added) in curves.split_evenly((1, 3)).iter().zip(Added::ALL) {
        draw_growth(panel, results, added)?;
    }
    root.present()?;
    Ok(())
}

fn color(subject: Subject) -> RGBColor {
    match subject.family() {
        Family::Ours => OURS,
        Family::Tonic => TONIC,
        Family::DubboGo => DUBBO_GO,
    }
}

fn draw_bars(area: &Area<'_>, results: &Results, quantity: Quantity, title: &str) -> Drawn {
    let area = area.titled(title, (FONT, 15))?.margin(2, 6, 10, 10);
    let figures: Vec<_> = Subject::ALL
        .into_iter()
        .filter_map(|subject| Some((subject, median(results.samples(quantity, subject)?))))
        .collect();
    let highest = figures
        .iter()
        .map(|(_, figure)| *figure)
        .fold(0.0, f64::max);
    let (width, height) = area.dim_in_pixel();
    let (names, values) = (215, 85);
    let room = f64::from(width) - f64::from(names + values);
    let step = f64::from(height) / Subject::ALL.len() as f64;
    for (at, (subject, figure)) in figures.iter().enumerate() {
        let top = (at as f64 * step) as i32;
        let bottom = top + (step * 0.75) as i32;
        let end = names + (room * figure / highest) as i32;
        let fill = if subject.measures() {
            color(*subject).filled()
        } else {
            color(*subject).mix(0.5).filled()
        };
        let middle = (top + bottom) / 2;
        let small = |horizontal| {
            TextStyle::from((FONT, 12).into_font()).pos(Pos::new(horizontal, VPos::Center))
        };
        area.draw_text(
            &subject.to_string(),
            &small(HPos::Right),
            (names - 6, middle),
        )?;
        area.draw(&Rectangle::new([(names, top), (end, bottom)], fill))?;
        area.draw_text(
            &quantity.unit().show(*figure),
            &small(HPos::Left),
            (end + 5, middle),
        )?;
    }
    Ok(())
}

/// CPU time per call while something is added, each as a multiple of its first point.
fn draw_growth(area: &Area<'_>, results: &Results, added: Added) -> Drawn {
    let curves: Vec<_> = results
        .parts
        .values()
        .flat_map(|measured| &measured.curves)
        .filter(|curve| curve.added == added && curve.watched == Watched::Cpu)
        .filter_map(|curve| {
            let (_, first) = curve.points.first()?;
            let relative = |&(units, value): &(f64, f64)| (units, value / first);
            Some((
                curve.subject,
                curve.points.iter().map(relative).collect::<Vec<_>>(),
            ))
        })
        .collect();
    let points = || curves.iter().flat_map(|(_, points)| points);
    let most = points().map(|point| point.0).fold(2.0, f64::max);
    let highest = points().map(|point| point.1).fold(2.0, f64::max);
    let title = format!("CPU per call: {}", added.title());
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 15))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(35)
        .build_cartesian_2d(0.0..most, 0.0..highest * 1.1)?;
    chart
        .configure_mesh()
        .x_labels(6)
        .y_labels(5)
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.1))
        .x_label_formatter(&|units| format!("{units:.0}"))
        .y_label_formatter(&|times| format!("{times:.1} ×"))
        .draw()?;
    for (subject, points) in &curves {
        let color = color(*subject);
        chart
            .draw_series(
                LineSeries::new(points.iter().copied(), color.stroke_width(2)).point_size(3),
            )?
            .label(subject.to_string())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], color.stroke_width(2)));
    }
    if !curves.is_empty() {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE.mix(0.8))
            .label_font((FONT, 11))
            .draw()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part::Part;
    use crate::results::Measured;

    #[test]
    fn the_plot_names_every_subject_that_was_measured() {
        let mut provider = Measured::default();
        provider.add(Quantity::ProviderCalls, Subject::Ours, 150_000.0);
        provider.add(Quantity::ProviderCalls, Subject::DubboGo, 13_000.0);
        let mut growth = Measured::default();
        for units in [1.0, 10.0, 100.0] {
            growth.point(Added::Methods, Watched::Cpu, Subject::Ours, (units, 8.0));
        }
        let parts = [(Part::Provider, provider), (Part::Growth, growth)].into();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plot.svg");
        draw(&Results { parts }, &path).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        for text in ["ours", "dubbo-go", "150,000/s", "methods of a provider"] {
            assert!(svg.contains(text), "{text} is missing");
        }
    }

    #[test]
    fn nothing_measured_is_an_empty_plot() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plot.svg");
        draw(&Results::default(), &path).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().contains("</svg>"));
        let nowhere = folder.path().join("missing/plot.svg");
        assert!(
            draw(&Results::default(), &nowhere)
                .unwrap_err()
                .to_string()
                .contains("missing/plot.svg")
        );
    }
}
