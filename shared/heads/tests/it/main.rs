//! Measures behind the default weights.

#[cfg(test)]
mod proxy;
#[cfg(test)]
mod words;
