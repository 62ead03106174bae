//! Nothing: the tests are in `tests/`, and the page that they show is in `page/`.
