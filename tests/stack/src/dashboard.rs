//! The queries of the dashboard.

use serde_json::Value;

use crate::json;

/// Returns every query of `grafana.json`, each with where it stands: `panel … A`, `variable …` or `annotation …`.
pub fn expressions() -> Vec<(String, String)> {
    let dashboard = json("grafana.json");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let string = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut expressions = Vec::new();
    for panel in list(&dashboard["panels"]) {
        for target in list(&panel["targets"]) {
            let place = format!(
                "panel {} {}",
                string(&panel["title"]),
                string(&target["refId"])
            );
            expressions.push((place, string(&target["expr"])));
        }
    }
    for variable in list(&dashboard["templating"]["list"]) {
        if variable["type"] == "query" {
            expressions.push((
                format!("variable {}", string(&variable["name"])),
                string(&variable["query"]["query"]),
            ));
        }
    }
    for annotation in list(&dashboard["annotations"]["list"]) {
        expressions.push((
            format!("annotation {}", string(&annotation["name"])),
            string(&annotation["expr"]),
        ));
    }
    expressions
}
