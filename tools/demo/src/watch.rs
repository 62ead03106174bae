//! Shows the figures once a second until the end.

use std::{
    future::Future,
    io::{self, IsTerminal, Write},
    time::Duration,
};

use metrics_core::METRICS_PATH;
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    sample::Sample,
    terminal::{Input, Terminal, inputs},
    view::{self, COURSE},
};

/// The time between two pictures.
const REFRESH: Duration = Duration::from_secs(1);

/// Tells whether the output is a terminal.
pub(crate) fn is_live() -> bool {
    io::stdout().is_terminal() && io::stdin().is_terminal()
}

/// Shows the figures until `end` completes or, in the live view, a key asks for the end.
///
/// # Errors
///
/// When the terminal or `out` cannot be written to, unless the reader of `out` is gone.
pub(crate) async fn watch(
    sample: &Sample,
    live: bool,
    end: impl Future<Output = ()>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let shown = async {
        if live {
            pictures(sample).await
        } else {
            lines(sample, out).await
        }
    };
    let shown = tokio::select! {
        biased;
        shown = shown => shown,
        () = end => Ok(()),
    };
    // The live view is gone with its screen; what it showed last stays.
    let shown = if live {
        shown.and_then(|()| write(sample, out))
    } else {
        shown
    };
    match shown {
        Err(err) if err.kind() != io::ErrorKind::BrokenPipe => Err(err.into()),
        _ => Ok(()),
    }
}

/// Writes plain lines; ends only with an error.
async fn lines(sample: &Sample, out: &mut impl Write) -> io::Result<()> {
    for (side, page) in ["provider", "consumer"].iter().zip(sample.pages()) {
        writeln!(
            out,
            "{side}'s page to watch: {page}, and for Prometheus: {page}{METRICS_PATH}"
        )?;
    }
    let mut ticks = ticks();
    loop {
        ticks.tick().await;
        write(sample, out)?;
    }
}

/// Writes the figures as they are now.
fn write(sample: &Sample, out: &mut impl Write) -> io::Result<()> {
    for line in view::plain(&sample.figures()) {
        writeln!(out, "{line}")?;
    }
    out.flush()
}

/// Draws the live view until a key or a signal asks for the end.
async fn pictures(sample: &Sample) -> io::Result<()> {
    let pages = sample.pages();
    let mut terminal = Terminal::take()?;
    let mut inputs = inputs()?;
    let mut ticks = ticks();
    let (mut course, mut finished) = (Vec::new(), 0);
    let mut figures = sample.figures();
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                figures = sample.figures();
                // The table's rate is over the window; the course shows each second by itself.
                course.push((figures.consumer.finished - finished) as f64 / REFRESH.as_secs_f64());
                finished = figures.consumer.finished;
                if course.len() > COURSE {
                    course.remove(0);
                }
            }
            input = inputs.recv() => match input {
                Some(Input::Resize) => {}
                Some(Input::Quit) | None => return Ok(()),
            }
        }
        let (width, height) = Terminal::size()?;
        terminal.draw(&view::screen(&figures, &course, &pages, width, height))?;
    }
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(REFRESH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
