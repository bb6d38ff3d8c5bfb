//! The reranker over real gRPC.

#[cfg(test)]
mod errors;
#[cfg(test)]
mod ranking;
#[cfg(test)]
mod speed;
#[cfg(test)]
mod support;
