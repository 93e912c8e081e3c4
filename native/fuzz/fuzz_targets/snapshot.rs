//! Lines of a snapshot or of changes are understood or refused, however they arrive.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portazgo_core::snapshot::{Update, validate};

fn read<'p>(mut update: Update, pieces: impl Iterator<Item = &'p [u8]>) -> Result<(), String> {
    let outcome = pieces.into_iter().try_for_each(|piece| update.push(piece)).and_then(|()| update.finish());
    outcome.map_err(|refused| refused.to_string())?;
    let contexts: Vec<String> = update.wrapped().iter().map(|(context, _)| context.clone()).collect();
    for context in contexts {
        update.provide(context, vec![7; 32]);
    }
    update.apply(None).map(|_| ()).map_err(|refused| refused.to_string())
}

fuzz_target!(|data: &[u8]| {
    let Some((&step, lines)) = data.split_first() else { return };
    let whole = read(Update::snapshot(), std::iter::once(lines));
    assert_eq!(read(Update::snapshot(), lines.chunks(1 + step as usize)), whole);
    let _ = read(Update::changes(), std::iter::once(lines));
    let _ = validate(lines, false);
    let _ = validate(lines, true);
});
