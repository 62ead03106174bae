//! One tab of the browser.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use test_servers::{LONG, eventually};

use crate::devtools::DevTools;

/// What the person at the screen prefers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scheme {
    /// Dark text on a light ground.
    Light,
    /// Light text on a dark ground.
    Dark,
}

impl Scheme {
    /// Returns the word of CSS.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// A tab that shows one address.
#[derive(Debug)]
pub struct Tab {
    devtools: DevTools,
    session: String,
}

impl Tab {
    pub(crate) async fn open(devtools: DevTools, url: &str) -> Self {
        let target = devtools
            .call(None, "Target.createTarget", json!({"url": "about:blank"}))
            .await;
        let target = target.unwrap_or_else(|err| panic!("{err}"))["targetId"].clone();
        let attached = devtools
            .call(
                None,
                "Target.attachToTarget",
                json!({"targetId": target, "flatten": true}),
            )
            .await
            .unwrap_or_else(|err| panic!("{err}"));
        let session = attached["sessionId"]
            .as_str()
            .expect("a session has an id")
            .to_owned();
        let tab = Self { devtools, session };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            tab.call(&format!("{domain}.enable"), json!({})).await;
        }
        tab.resize(1200, 800).await;
        tab.call("Page.navigate", json!({"url": url})).await;
        eventually(LONG, "the page is loaded", async || {
            tab.evaluate::<bool>(
                "location.protocol !== 'about:' && document.readyState === 'complete'",
            )
            .await
        })
        .await;
        tab
    }

    /// Returns the value of an expression of JavaScript, promises awaited.
    ///
    /// # Panics
    ///
    /// When it throws, or its value is of another type.
    pub async fn evaluate<T: DeserializeOwned>(&self, expression: &str) -> T {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", params).await;
        assert!(
            answer.get("exceptionDetails").is_none(),
            "{expression}: {}",
            answer["exceptionDetails"]
        );
        let value = answer["result"]["value"].clone();
        serde_json::from_value(value.clone())
            .unwrap_or_else(|err| panic!("{expression} is {value}: {err}"))
    }

    /// Waits until an expression of JavaScript is true.
    ///
    /// # Panics
    ///
    /// When it is not within a minute, with the page's text.
    pub async fn until(&self, expression: &str) {
        eventually(LONG, expression, async || {
            if self.evaluate::<bool>(expression).await {
                return Ok(());
            }
            Err(self.evaluate::<String>("document.body.innerText").await)
        })
        .await;
    }

    /// Presses a key by its name, such as `Tab`, `Enter`, `Escape` or `/`.
    pub async fn press(&self, key: &str) {
        let (text, code) = match key {
            "Enter" => ("\r", 13),
            "Tab" => ("", 9),
            "Escape" => ("", 27),
            " " => (" ", 32),
            other => (other, 0),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut params = json!({"type": kind, "key": key, "windowsVirtualKeyCode": code});
            if kind == "keyDown" && !text.is_empty() {
                params["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", params).await;
        }
    }

    /// Types a text into what has the focus.
    pub async fn write(&self, text: &str) {
        self.call("Input.insertText", json!({"text": text})).await;
    }

    /// Sets what the person at the screen prefers.
    pub async fn prefer(&self, scheme: Scheme) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme.name()}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}))
            .await;
    }

    /// Sets the size of the window, in pixels.
    pub async fn resize(&self, width: u32, height: u32) {
        let params =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", params)
            .await;
    }

    /// Returns what the window shows, as WebP.
    ///
    /// # Panics
    ///
    /// When the browser cannot.
    pub async fn picture(&self) -> Vec<u8> {
        let answer = self
            .call(
                "Page.captureScreenshot",
                json!({"format": "webp", "quality": 90}),
            )
            .await;
        let data = answer["data"].as_str().expect("a picture is data");
        STANDARD.decode(data).expect("data is base64")
    }

    /// Returns what stands in the console: what the page wrote, what it threw, and what the browser complained about.
    #[must_use]
    pub fn console(&self) -> Vec<String> {
        let events = self.devtools.events(&self.session);
        let texts = events
            .iter()
            .filter_map(|event| match event.method.as_str() {
                "Log.entryAdded" => {
                    let entry = &event.params["entry"];
                    Some(format!(
                        "{}: {} {}",
                        entry["source"], entry["text"], entry["url"]
                    ))
                }
                "Runtime.consoleAPICalled" => Some(event.params["args"].to_string()),
                "Runtime.exceptionThrown" => Some(event.params["exceptionDetails"].to_string()),
                _ => None,
            });
        texts.collect()
    }

    /// Returns the bodies that came from addresses that end like this, in the order of their ends.
    pub async fn received(&self, ending: &str) -> Vec<String> {
        let events = self.devtools.events(&self.session);
        let ids = |method: &str, fits: &dyn Fn(&Value) -> bool| -> Vec<Value> {
            events
                .iter()
                .filter(|event| event.method == method && fits(&event.params))
                .map(|event| event.params["requestId"].clone())
                .collect()
        };
        let answered = ids("Network.responseReceived", &|params| {
            let response = &params["response"];
            response["status"] == 200
                && response["url"]
                    .as_str()
                    .is_some_and(|url| url.ends_with(ending))
        });
        let mut bodies = Vec::new();
        for id in ids("Network.loadingFinished", &|_| true) {
            if answered.contains(&id) {
                let answer = self
                    .call("Network.getResponseBody", json!({"requestId": id}))
                    .await;
                bodies.push(answer["body"].as_str().expect("a body is text").to_owned());
            }
        }
        bodies
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        let result = self
            .devtools
            .call(Some(&self.session), method, params)
            .await;
        result.unwrap_or_else(|err| panic!("{err}"))
    }
}
