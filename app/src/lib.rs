//! What the sample's processes share: options, logs, and the way from start to stop.
