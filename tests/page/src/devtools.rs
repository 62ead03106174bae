//! The DevTools protocol on a pair of pipes: JSON messages, each ended by a zero byte.
//!
//! <https://chromedevtools.github.io/devtools-protocol/>

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::{Mutex as AsyncMutex, oneshot};
use tokio::time::timeout;

/// How long the browser may take for one answer; the first one includes its start.
const DEADLINE: Duration = Duration::from_secs(90);

/// The browser's end of the protocol. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct DevTools(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sender: AsyncMutex<Sender>,
    heard: Arc<Mutex<Heard>>,
}

/// What has come from the browser.
#[derive(Debug, Default)]
struct Heard {
    last_id: u64,
    waiting: HashMap<u64, oneshot::Sender<Value>>,
    events: Vec<Event>,
}

/// Something that happened in a session.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// The session, which belongs to one tab.
    pub(crate) session: String,
    /// The name, such as `Log.entryAdded`.
    pub(crate) method: String,
    /// What is told about it.
    pub(crate) params: Value,
}

impl DevTools {
    /// Speaks on these pipes; must be called on a runtime, where a task reads what comes.
    pub(crate) fn new(sender: Sender, receiver: Receiver) -> Self {
        let heard = Arc::new(Mutex::new(Heard::default()));
        tokio::spawn(listen(receiver, Arc::clone(&heard)));
        Self(Arc::new(Inner {
            sender: AsyncMutex::new(sender),
            heard,
        }))
    }

    /// Calls a method, of the browser or of a session, and returns its result.
    ///
    /// # Errors
    ///
    /// When the browser refuses, or does not answer in time.
    pub(crate) async fn call(
        &self,
        session: Option<&str>,
        method: &str,
        params: Value,
    ) -> Result<Value, String> {
        let (answer, answered) = oneshot::channel();
        let id = {
            let mut heard = self.0.heard.lock();
            heard.last_id += 1;
            let id = heard.last_id;
            heard.waiting.insert(id, answer);
            id
        };
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        let exchange = async {
            self.0
                .sender
                .lock()
                .await
                .write_all(&bytes)
                .await
                .map_err(|err| err.to_string())?;
            answered.await.map_err(|_| "the browser is gone".to_owned())
        };
        let answer = timeout(DEADLINE, exchange)
            .await
            .map_err(|_| format!("{method}: no answer within {DEADLINE:?}"))??;
        match answer.get("error") {
            Some(error) => Err(format!("{method}: {error}")),
            None => Ok(answer["result"].clone()),
        }
    }

    /// Returns what has happened in a session so far, oldest first.
    pub(crate) fn events(&self, session: &str) -> Vec<Event> {
        let heard = self.0.heard.lock();
        heard
            .events
            .iter()
            .filter(|event| event.session == session)
            .cloned()
            .collect()
    }
}

async fn listen(receiver: Receiver, heard: Arc<Mutex<Heard>>) {
    let mut receiver = BufReader::new(receiver);
    let mut message = Vec::new();
    while let Ok(1..) = receiver.read_until(0, &mut message).await {
        let value: Value = serde_json::from_slice(message.strip_suffix(&[0]).unwrap_or(&message))
            .expect("the browser speaks JSON");
        message.clear();
        let mut heard = heard.lock();
        if let Some(id) = value["id"].as_u64() {
            if let Some(waiting) = heard.waiting.remove(&id) {
                // Who asked may have given up.
                let _ = waiting.send(value);
            }
        } else if let (Some(session), Some(method)) =
            (value["sessionId"].as_str(), value["method"].as_str())
        {
            let (session, method) = (session.to_owned(), method.to_owned());
            let params = value["params"].clone();
            heard.events.push(Event {
                session,
                method,
                params,
            });
        }
    }
}
