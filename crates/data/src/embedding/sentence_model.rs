//! A sentence-embedding model: text in, vector out.

use std::path::{Path, PathBuf};

use tokenizers::Tokenizer;

use super::bert::Bert;
use super::bert_config::BertConfig;
use super::{bert_weights, sentence_modules};
use crate::config::embeddings::ModelFiles;
use crate::config::{TextEmbeddings, TextPooling};
use pipeline_error::Error;

/// A BERT with its tokenizer, on the CPU in F32 whatever the run's device: an embedding depends on
/// nothing but the model's files, the settings and the text.
pub(super) struct SentenceModel {
    bert: Bert,
    config: BertConfig,
    tokenizer: Tokenizer,
    tokenizer_path: PathBuf,
    pooling: TextPooling,
    normalize: bool,
}

impl SentenceModel {
    /// Reads the model's folder. Errors name the file, and of weights the tensors.
    pub(super) fn open(settings: &TextEmbeddings) -> Result<Self, Error> {
        let files = ModelFiles::of(settings.model.as_ref());
        sentence_modules::check(&files.modules, &files.pooling, settings.pooling)?;
        let config = BertConfig::read(&files.config)?;
        let tokenizer = read_tokenizer(&files.tokenizer)?;
        let tensors = bert_weights::read(&files.weights, &config)?;
        Ok(Self {
            bert: Bert::new(tensors, &config)?,
            config,
            tokenizer,
            tokenizer_path: files.tokenizer,
            pooling: settings.pooling,
            normalize: settings.normalize,
        })
    }

    /// Numbers in an embedding.
    pub(super) fn dimension(&self) -> usize {
        self.config.hidden_size
    }

    /// The embedding of one text, by itself: no other text and no padding takes part.
    pub(super) fn embed(&self, text: &str) -> Result<Vec<f32>, Error> {
        let (tokens, types) = self.tokens(text)?;
        let hidden = self.bert.forward(&tokens, &types)?;
        let hidden = hidden.flatten_all()?.to_vec1::<f32>()?;
        let mut pooled = self.pool(&hidden);
        if self.normalize {
            // As torch.nn.functional.normalize.
            let norm = pooled.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-12);
            pooled.iter_mut().for_each(|x| *x /= norm);
        }
        let numbers: Vec<f32> = pooled.iter().map(|&x| x as f32).collect();
        match numbers.iter().all(|number| number.is_finite()) {
            true => Ok(numbers),
            false => Err(Error::stage(format!(
                "the embedding of `{text}` is not finite"
            ))),
        }
    }

    /// Token ids and types of a text, `[CLS]` and `[SEP]` among them. A text is never cut.
    fn tokens(&self, text: &str) -> Result<(Vec<u32>, Vec<u32>), Error> {
        let refused = |what: String| Error::file(&self.tokenizer_path, what);
        let encoding = self.tokenizer.encode_fast(text, true);
        let encoding =
            encoding.map_err(|error| refused(format!("cannot split `{text}`: {error}")))?;
        let (tokens, types) = (encoding.get_ids(), encoding.get_type_ids());
        let (count, most) = (tokens.len(), self.config.max_position_embeddings);
        if count == 0 {
            return Err(refused(format!("makes no token of `{text}`")));
        }
        if count > most {
            let what =
                format!("`{text}` is {count} tokens long, and the model has {most} positions");
            return Err(Error::stage(what).with_hint("shorten the description: texts are not cut"));
        }
        for (what, ids, known) in [
            ("token", tokens, self.config.vocab_size),
            ("type", types, self.config.type_vocab_size),
        ] {
            if let Some(id) = ids.iter().find(|&&id| id as usize >= known) {
                let what = format!("`{text}` has the {what} {id}, and the model knows {known}");
                return Err(refused(what).with_hint("tokenizer and model must be of one folder"));
            }
        }
        Ok((tokens.to_vec(), types.to_vec()))
    }

    /// `hidden` is row-major [tokens, dimension].
    fn pool(&self, hidden: &[f32]) -> Vec<f64> {
        let dimension = self.dimension();
        let rows = match self.pooling {
            TextPooling::Mean => hidden,
            TextPooling::Cls => &hidden[..dimension],
        };
        let mut pooled = vec![0.0; dimension];
        for row in rows.chunks(dimension) {
            for (sum, x) in pooled.iter_mut().zip(row) {
                *sum += f64::from(*x);
            }
        }
        let count = (rows.len() / dimension) as f64;
        pooled.iter_mut().for_each(|sum| *sum /= count);
        pooled
    }
}

fn read_tokenizer(path: &Path) -> Result<Tokenizer, Error> {
    let bytes = std::fs::read(path).map_err(|error| {
        Error::file(path, format!("cannot be read: {error}")).with_hint(
            "tokenizer.json is what AutoTokenizer.from_pretrained(…).save_pretrained(…) writes",
        )
    })?;
    let tokenizer = Tokenizer::from_bytes(bytes);
    let mut tokenizer =
        tokenizer.map_err(|error| Error::file(path, format!("is no tokenizer: {error}")))?;
    // What a file says of padding and cutting is meant for batches.
    tokenizer.with_padding(None);
    let uncut = tokenizer.with_truncation(None).map(|_| ());
    uncut.map_err(|error| Error::file(path, error))?;
    Ok(tokenizer)
}
