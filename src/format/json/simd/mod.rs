//! The back ends: bytes → masks, with the widest instructions that the processor has.
//!
//! The only room with `unsafe`, for two reasons: loading a block into vector registers, and calling a function that is compiled for
//! instructions which not every processor has. Everything that follows from the masks is in [`super::nested`], in safe code. Each back end
//! is a few lines and has the scalar one as its twin; tests hold them equal on any bytes.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;

use std::fmt;
use std::sync::LazyLock;

use super::error::BackendError;
use super::nested::Nested;

/// How far ahead bytes are fetched into the cache: content has just been written by the decoder, and lies in a farther one.
#[cfg(target_arch = "x86_64")]
const AHEAD: usize = 1024;

/// Instructions to split with. One exists only where the processor can run it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Backend(Kind);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

static CHOSEN: LazyLock<Backend> =
    LazyLock::new(|| Backend::requested().unwrap_or_else(|_| Backend::fastest()));

impl Backend {
    /// The environment variable that names the back end to use.
    pub const ENV_VAR: &'static str = "KEYTRAIL_SIMD";

    /// Those that this processor can run, the slowest first.
    pub fn available() -> Vec<Self> {
        [
            Some(Kind::Scalar),
            #[cfg(target_arch = "x86_64")]
            avx2::is_supported().then_some(Kind::Avx2),
            #[cfg(target_arch = "x86_64")]
            avx512::is_supported().then_some(Kind::Avx512),
            #[cfg(target_arch = "aarch64")]
            Some(Kind::Neon), // part of the architecture
        ]
        .into_iter()
        .flatten()
        .map(Self)
        .collect()
    }

    /// The one that everything uses unless told otherwise: settled once, by [`Self::ENV_VAR`] or by what the processor can do.
    pub fn selected() -> Self {
        *CHOSEN
    }

    /// The back end that [`Self::ENV_VAR`] names, or the fastest when it is unset or empty.
    ///
    /// # Errors
    /// When the variable has another value than the name of an [available](Self::available) back end.
    /// [`Self::selected`] ignores such a value.
    pub fn requested() -> Result<Self, BackendError> {
        let Some(name) = std::env::var_os(Self::ENV_VAR).filter(|name| !name.is_empty()) else {
            return Ok(Self::fastest());
        };
        let available = Self::available();
        available.iter().copied().find(|backend| name == backend.name()).ok_or_else(|| BackendError {
            variable: Self::ENV_VAR,
            value: name.display().to_string(),
            available: available.iter().map(|backend| backend.name()).collect(),
        })
    }

    fn fastest() -> Self {
        Self::available().pop().unwrap_or(Self(Kind::Scalar))
    }

    /// The name that [`Self::ENV_VAR`] takes.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
        }
    }

    /// [`Nested::scan`] with these instructions.
    pub(super) fn scan(self, nested: &mut Nested, bytes: &[u8]) -> Option<usize> {
        match self.0 {
            Kind::Scalar => scalar::scan(nested, bytes),
            // SAFETY: this back end exists only because `usable` has found that the processor has all that `avx2::scan` is compiled for.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { avx2::scan(nested, bytes) },
            // SAFETY: as above, for `avx512::scan`.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { avx512::scan(nested, bytes) },
            // SAFETY: every 64-bit ARM processor has what `neon::scan` is compiled for.
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => unsafe { neon::scan(nested, bytes) },
        }
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
