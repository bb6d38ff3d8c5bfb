//! Which models the embedders run, and which of them serves.

use std::sync::Arc;

use crate::cluster::Encoder;

/// What is known of the models.
#[derive(Debug)]
pub(super) struct Models {
    /// By embedder; `None` for one that never answered.
    encoders: Vec<Option<Arc<Encoder>>>,
    /// Fingerprint of the model whose vectors are searched, when any shard has some.
    serving: Option<String>,
}

impl Models {
    pub(super) fn new(embedders: usize) -> Self {
        Self {
            encoders: vec![None; embedders],
            serving: None,
        }
    }

    /// Returns the encoder of the model that serves: that of the first embedder,
    /// unless another runs the model of the vectors that are searched.
    pub(super) fn serving(&self) -> Option<Arc<Encoder>> {
        let serving = self.serving.as_ref();
        let mut known = self.encoders.iter().flatten();
        let found = known.find(|encoder| Some(&encoder.version.fingerprint) == serving);
        found.or(self.encoders.first()?.as_ref()).cloned()
    }

    /// Returns the encoder of the next model.
    pub(super) fn next(&self) -> Option<Arc<Encoder>> {
        self.encoders.get(1)?.clone()
    }

    /// Takes what an embedder says; true when it has another model than before.
    pub(super) fn learn(&mut self, encoder: &Arc<Encoder>) -> bool {
        let Some(known) = self.encoders.get_mut(encoder.embedder) else {
            return false;
        };
        let old = known.replace(Arc::clone(encoder));
        let (version, number) = (&encoder.version, encoder.embedder);
        match old {
            Some(old) if old.version != *version => {
                tracing::warn!(embedder = number, old = %old.version.fingerprint, new = %version.fingerprint, "the embedder changed its model");
                true
            }
            Some(_) => false,
            None => {
                tracing::info!(embedder = number, model = %version.name, fingerprint = %version.fingerprint, "embedder found");
                false
            }
        }
    }

    /// Takes the fingerprint of the model that serves; true when it is another one.
    pub(super) fn serve(&mut self, fingerprint: &str) -> bool {
        let old = self.serving.replace(fingerprint.to_owned());
        match old {
            Some(old) if old != fingerprint => {
                tracing::info!(%old, new = fingerprint, "another model serves");
                true
            }
            Some(_) | None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use vivier_proto::v1;

    use super::*;

    fn encoder(embedder: usize, fingerprint: &str) -> Arc<Encoder> {
        Arc::new(Encoder {
            embedder,
            version: v1::ModelVersion {
                name: "m".to_owned(),
                fingerprint: fingerprint.to_owned(),
            },
            dim: 2,
            max_batch_inputs: 1,
            max_text_bytes: 10,
        })
    }

    fn served(models: &Models) -> Option<String> {
        models.serving().map(|e| e.version.fingerprint.clone())
    }

    #[test]
    fn the_embedder_of_the_vectors_that_are_searched_serves() {
        let mut models = Models::new(2);
        assert_eq!(served(&models), None);
        // The next one alone serves nothing that it has no vectors of.
        assert!(!models.learn(&encoder(1, "new")));
        assert!(!models.serve("old"));
        assert_eq!(served(&models), None);
        assert!(!models.learn(&encoder(0, "old")));
        assert_eq!(served(&models).unwrap(), "old");
        assert!(models.serve("new"));
        assert_eq!(served(&models).unwrap(), "new");
        assert!(models.serve("unknown"));
        assert_eq!(served(&models).unwrap(), "old");
        assert!(models.learn(&encoder(0, "other")));
    }
}
