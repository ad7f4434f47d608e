//! `chartcode train codes`.

use std::path::Path;

use chartcode_train::{ChartsFile, CodesFiles, CodesOptions, CodesSummary, train_codes};

use super::watch::Watch;
use super::{figures, id, open, print, steps};
use crate::commands::gold;
use crate::train_args::CodesArgs;

pub(super) fn run(args: &CodesArgs) -> anyhow::Result<()> {
    let bundle = open(&args.run)?;
    let date = humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string();
    let files = CodesFiles {
        charts: charts(args, &args.charts, args.source.split.as_ref())?,
        dev: charts(args, &args.dev, args.dev_split.as_ref())?,
        labels: args.labels.clone(),
        system: args.system.clone(),
        output: args.run.output.clone(),
        id: id(&args.run),
        data_note: args.run.data_note.clone(),
        date: date.split('T').next().map(str::to_owned),
        threads: args.run.threads,
    };
    let options = CodesOptions {
        training: args.training.options(),
        batch: args.batch,
        head_rate: args.head_rate,
        label_smoothing: args.label_smoothing,
        r_drop: args.r_drop,
        head_width: None,
        window_tokens: args.window_tokens,
        most_tokens: args.most_tokens,
        least_charts: args.least_charts,
        dropout: args.training.dropout,
        freeze_embeddings: args.training.freeze_embeddings,
        freeze_layers: args.training.freeze_layers,
    };
    let mut watch = Watch::new(args.run.quiet);
    let summary = train_codes(&bundle, &files, &options, &mut |event| watch.on(event))?;
    watch.clear();
    print(args.run.format, &summary, &rows(&summary))
}

fn rows(summary: &CodesSummary) -> [(&'static str, String); 6] {
    let share = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), |x| format!("{x:.4}"));
    [
        ("labels", format!("{} of {}", summary.labels, summary.system)),
        ("charts", format!("{} learnt from, {} held out", summary.charts, summary.dev_charts)),
        (
            "steps",
            steps(summary.steps, summary.best_step, summary.stopped_early, summary.resumed_at),
        ),
        ("held out", figures(&summary.dev)),
        (
            "threshold",
            format!(
                "{:.4}: micro-F1 {} on the held-out charts, {} cross-validated",
                summary.threshold,
                share(summary.micro_f1),
                share(summary.cross_validated_micro_f1)
            ),
        ),
        ("written", summary.bundle.display().to_string()),
    ]
}

fn charts(args: &CodesArgs, path: &Path, split: Option<&String>) -> anyhow::Result<ChartsFile> {
    Ok(ChartsFile {
        path: path.to_owned(),
        options: gold::options(&args.source)?,
        split: split.cloned(),
        splits: args.source.splits.clone(),
    })
}
