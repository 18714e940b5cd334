//! The back ends: bytes → masks, with the widest instructions that the processor has.
//!
//! This is the only module with `unsafe` code. It needs it for two things: to load a block into
//! vector registers, and to call functions compiled for instructions that not every processor has.
//! Everything that is derived from the masks is safe code in [`super::nested`]. Each back end is a
//! few lines long. Tests compare all of them with the scalar one on arbitrary bytes.

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
use super::nested::NestedScanner;

/// A set of instructions to scan with. A value of this type exists only if the processor supports
/// it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Backend(Instructions);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Instructions {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

static SELECTED: LazyLock<Backend> =
    LazyLock::new(|| Backend::requested().unwrap_or_else(|_| Backend::fastest()));

impl Backend {
    /// The environment variable that selects a back end by its name.
    pub const ENV_VAR: &'static str = "KEYTRAIL_SIMD";

    /// The back ends that this processor supports, slowest first.
    pub fn available() -> Vec<Self> {
        [
            Some(Instructions::Scalar),
            #[cfg(target_arch = "x86_64")]
            avx2::is_supported().then_some(Instructions::Avx2),
            #[cfg(target_arch = "x86_64")]
            avx512::is_supported().then_some(Instructions::Avx512),
            #[cfg(target_arch = "aarch64")]
            Some(Instructions::Neon), // part of the architecture
        ]
        .into_iter()
        .flatten()
        .map(Self)
        .collect()
    }

    /// The default back end: the one that [`Self::ENV_VAR`] names, or the fastest. Determined once
    /// per process.
    pub fn selected() -> Self {
        *SELECTED
    }

    /// The back end that [`Self::ENV_VAR`] names, or the fastest when it is unset or empty.
    ///
    /// # Errors
    /// When the variable has another value than the name of an [available](Self::available) back
    /// end. [`Self::selected`] ignores such a value.
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
        Self::available().pop().unwrap_or(Self(Instructions::Scalar))
    }

    /// The name, as used in [`Self::ENV_VAR`].
    pub fn name(self) -> &'static str {
        match self.0 {
            Instructions::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => "avx512",
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon => "neon",
        }
    }

    /// [`NestedScanner::scan`] with these instructions.
    pub(super) fn scan(self, nested: &mut NestedScanner, bytes: &[u8]) -> Option<usize> {
        match self.0 {
            Instructions::Scalar => scalar::scan(nested, bytes),
            // SAFETY: `available` constructs this back end only after it has detected all features
            // that `avx2::scan` is compiled for.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => unsafe { avx2::scan(nested, bytes) },
            // SAFETY: as above, for `avx512::scan`.
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => unsafe { avx512::scan(nested, bytes) },
            // SAFETY: every 64-bit ARM processor has the features that `neon::scan` is compiled
            // for.
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon => unsafe { neon::scan(nested, bytes) },
        }
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
