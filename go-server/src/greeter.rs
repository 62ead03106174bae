//! The service: what a provider of `greet.proto` does.

use std::time::Duration;

use greet::{GreetRequest, GreetResponse, greet_service_server::GreetService};
use tonic::{Request, Response, Status, async_trait};

/// Answers with a greeting of the name in the request after a mock delay, or with a mock error.
#[derive(Clone, Debug)]
pub struct Greeter {
    /// How long a greeting takes.
    pub delay: Duration,
    /// The share of calls that end in a business error, from 0 to 1.
    pub error_rate: f64,
    /// Writes no line for each call.
    pub quiet: bool,
}

#[async_trait]
impl GreetService for Greeter {
    async fn greet(
        &self,
        request: Request<GreetRequest>,
    ) -> Result<Response<GreetResponse>, Status> {
        let GreetRequest { name } = request.into_inner();
        // The error comes before the delay, as in the original: failures are quick.
        if fastrand::f64() < self.error_rate {
            self.log(&name, "random error");
            return Err(triple::business_error("random error"));
        }
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        self.log(&name, "greeted");
        Ok(Response::new(GreetResponse { greeting: name }))
    }
}

impl Greeter {
    fn log(&self, name: &str, outcome: &str) {
        if !self.quiet {
            tracing::info!(name, "{outcome}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    fn greeter(error_rate: f64) -> Greeter {
        Greeter {
            delay: Duration::from_millis(10),
            error_rate,
            quiet: true,
        }
    }

    fn request() -> Request<GreetRequest> {
        Request::new(GreetRequest {
            name: "hello world".to_owned(),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_greeting_repeats_the_name_after_the_delay() {
        let start = Instant::now();
        let answer = greeter(0.0).greet(request()).await.unwrap();
        assert_eq!(answer.into_inner().greeting, "hello world");
        assert_eq!(start.elapsed(), Duration::from_millis(10));
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_is_decided_before_the_delay_and_is_a_business_error() {
        let start = Instant::now();
        let status = greeter(1.0).greet(request()).await.unwrap_err();
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(status.message(), "random error");
        assert_eq!(triple::wire_code(&status), triple::BUSINESS_CODE);
    }

    #[tokio::test(start_paused = true)]
    async fn about_the_share_of_calls_fails_that_was_asked_for() {
        let greeter = greeter(0.25);
        let mut failed = 0;
        for _ in 0..4000 {
            failed += usize::from(greeter.greet(request()).await.is_err());
        }
        // Ten standard deviations around 1000.
        assert!((726..=1274).contains(&failed), "{failed} of 4000");
    }
}
