//! Structs of named JSON members: one table of members per struct, read in two ways with the same
//! result.
//!
//! [`json_struct!`] turns a table into a serde visitor, for any deserializer, and into a function
//! for the fast reader, which expects the members in the order of the table.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};

/// The member of a struct that a JSON name stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct NameMatch {
    /// The member's position in the struct; `None` when the struct has no such member.
    pub(super) index: Option<usize>,
    /// The name is spelled exactly as in the struct's table.
    pub(super) is_exact: bool,
}

/// How the members of a struct are matched by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameCase {
    Exact,
    /// ASCII case does not matter, but an exact spelling takes precedence.
    Ignored,
}

/// The names of a struct's members.
#[derive(Debug, Clone, Copy)]
pub(super) struct MemberNames {
    names: &'static [&'static str],
    /// Names of members that a field of their own reads; their positions follow those of `names`.
    others: &'static [&'static str],
    /// A Bloom filter with one hash function, [`name_bit`]: rules out most other names at once.
    filter: u64,
    case: NameCase,
}

/// One of 64 bits, by the name's length and first letter; the same in upper and lower case.
const fn name_bit(name: &[u8]) -> u64 {
    match name.first() {
        Some(first) => 1 << ((name.len() + 5 * (*first | 0x20) as usize) % 64),
        None => 0,
    }
}

impl MemberNames {
    pub(super) const fn new(
        names: &'static [&'static str],
        others: &'static [&'static str],
        case: NameCase,
    ) -> Self {
        let (mut filter, mut index) = (0, 0);
        while index < names.len() {
            filter |= name_bit(names[index].as_bytes()); // at compile time
            index += 1;
        }
        index = 0;
        while index < others.len() {
            filter |= name_bit(others[index].as_bytes()); // at compile time
            index += 1;
        }
        assert!(names.len() + others.len() <= u64::BITS as usize); // at compile time
        Self { names, others, filter, case }
    }

    fn position(&self, is_it: impl Fn(&str) -> bool) -> Option<usize> {
        self.names.iter().chain(self.others).position(|member| is_it(member))
    }

    /// Finds the member that `name` stands for.
    pub(super) fn find(&self, name: &str) -> NameMatch {
        if self.filter & name_bit(name.as_bytes()) == 0 {
            return NameMatch { index: None, is_exact: true };
        }
        let index = self.position(|member| member == name);
        if index.is_none() && self.case == NameCase::Ignored {
            let index = self.position(|member| member.eq_ignore_ascii_case(name));
            return NameMatch { index, is_exact: false };
        }
        NameMatch { index, is_exact: true }
    }
}

impl<'de> DeserializeSeed<'de> for MemberNames {
    type Value = NameMatch;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<NameMatch, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for MemberNames {
    type Value = NameMatch;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_str<E: Error>(self, name: &str) -> Result<NameMatch, E> {
        Ok(self.find(name))
    }
}

/// Which members of a struct have been read, one bit for each.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SeenMembers {
    /// With an exact name.
    exact: u64,
    /// With a name in another case.
    other_case: u64,
}

/// What a member is, given those read before it.
pub(super) enum Occurrence {
    First,
    /// It replaces the value read before.
    Replacement,
    /// It is ignored: the same member was given before with an exact name, and this name is not.
    Shadowed,
}

impl SeenMembers {
    #[inline]
    pub(super) fn insert(&mut self, index: usize, is_exact: bool) -> Occurrence {
        let bit = 1u64 << index;
        let is_repeated = (self.exact | self.other_case) & bit != 0;
        let is_shadowed = !is_exact && self.exact & bit != 0;
        if is_exact {
            self.exact |= bit;
        } else if !is_shadowed {
            self.other_case |= bit;
        }
        match (is_repeated, is_shadowed) {
            (_, true) => Occurrence::Shadowed,
            (true, false) => Occurrence::Replacement,
            (false, false) => Occurrence::First,
        }
    }
}

/// Deserializes into a struct in place, because these structs are too large to be moved cheaply.
/// The struct has its default value before.
pub(super) struct ReadInto<'p, T>(pub(super) &'p mut T);

/// Declares a struct of named JSON members that is read leniently.
///
/// `exact`: names are compared exactly. `any_case`: ASCII case does not matter, but an exact name
/// takes precedence over another spelling (CloudTrail lowers first letters in more than one way).
/// A value that is not an object gives the default, and `as_text` says what it is.
///
/// `others`: a field that reads all members of a list of uncommon names. It costs nothing when
/// there is none.
macro_rules! json_struct {
    (
        $(#[$seena:meta])*
        struct $name:ident ($case:ident) { $( $field:ident : $ty:ty = $json:literal ),* $(,)? }
        $( others { $other:ident : $other_ty:ty } )?
    ) => {
        $(#[$seena])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub(super) struct $name<'a> {
            $( pub(super) $field: $ty, )*
            $( pub(super) $other: $other_ty, )?
            /// A member that is used was given twice.
            pub(super) repeated: bool,
            /// Whether the value is something else than an object.
            pub(super) as_text: AsText,
            borrow: std::marker::PhantomData<&'a ()>,
        }

        impl<'a> $name<'a> {
            const IS_USED: &'static [bool] = &[$( <$ty as Member<'a>>::IS_USED ),*];
            const NAMES: MemberNames = MemberNames::new(
                &[$($json),*],
                json_struct!(@others $( $other_ty )?),
                json_struct!(@case $case),
            );

            /// Registers a member before its value is read; returns whether to read it.
            #[inline]
            fn begin(&mut self, seen: &mut SeenMembers, index: usize, is_exact: bool) -> bool {
                let occurrence = seen.insert(index, is_exact);
                if matches!(occurrence, Occurrence::First) {
                    return true;
                }
                self.repeated |= Self::IS_USED.get(index) == Some(&true);
                if matches!(occurrence, Occurrence::Replacement) {
                    json_struct!(@each self, index, 0usize, (|field| *field = Default::default()); $( $field ),*);
                    return true;
                }
                false
            }
        }

        impl<'de> Member<'de> for $name<'de> {
            fn read_serde<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error> {
                map.next_value_seed(ReadInto(self))
            }

            fn read_fast(&mut self, reader: &mut Reader<'de>) -> FastResult<()> {
                if !reader.begin_object() {
                    self.as_text = AsText::read_fast(reader)?;
                    return Ok(());
                }
                let mut seen = SeenMembers::default();
                let mut more = reader.has_first_member();
                while more {
                    // Members in the order of the table cost one comparison each.
                    json_struct!(@in_order self, reader, seen, more, 0usize; $( $field = $json ),*);
                    // A member out of order, with another spelling, or not in the table.
                    let NameMatch { index, is_exact } = Self::NAMES.find(&reader.member_name()?);
                    match index.filter(|index| self.begin(&mut seen, *index, is_exact)) {
                        Some(index) => {
                            $( if let Some(other) = index.checked_sub(Self::IS_USED.len()) {
                                self.$other.read_fast(other, reader)?;
                            } )?
                            json_struct!(@each self, index, 0usize, (|field| field.read_fast(reader)?); $( $field ),*)
                        }
                        None => reader.skip_value()?,
                    }
                    more = reader.has_next_member()?;
                }
                Ok(())
            }
        }

        impl<'de> Deserialize<'de> for $name<'de> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let mut value = Self::default();
                ReadInto(&mut value).deserialize(deserializer)?;
                Ok(value)
            }
        }

        impl<'de> DeserializeSeed<'de> for ReadInto<'_, $name<'de>> {
            type Value = ();
            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
                any_value(deserializer, self)
            }
        }

        impl<'de> Visitor<'de> for ReadInto<'_, $name<'de>> {
            type Value = ();
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("any JSON value")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
                let target = self.0;
                let mut seen = SeenMembers::default();
                while let Some(NameMatch { index, is_exact }) = map.next_key_seed($name::NAMES)? {
                    match index.filter(|index| target.begin(&mut seen, *index, is_exact)) {
                        Some(index) => {
                            $( if let Some(other) = index.checked_sub($name::IS_USED.len()) {
                                target.$other.read_serde(other, &mut map)?;
                            } )?
                            json_struct!(@each target, index, 0usize, (|field| field.read_serde(&mut map)?); $( $field ),*)
                        }
                        None => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(())
            }
            lost_for!(seq, |this: Self, kind| this.0.as_text = kind);
            lost_for!(scalars, |this: Self, kind| this.0.as_text = kind);
        }
    };
    (@others) => { &[] };
    (@others $other_ty:ty) => { <$other_ty>::NAMES };
    (@case exact) => { NameCase::Exact };
    (@case any_case) => { NameCase::Ignored };
    // Runs an expression on the field with a given index.
    (@each $struct:ident, $index:ident, $this:expr, (|$it:ident| $do:expr); $field:ident $(, $rest:ident )*) => {
        if $index == $this {
            let $it = &mut $struct.$field;
            $do
        } else {
            json_struct!(@each $struct, $index, $this + 1, (|$it| $do); $( $rest ),*)
        }
    };
    (@each $struct:ident, $index:ident, $this:expr, (|$it:ident| $do:expr);) => {{}};
    // Reads the members that follow one another in the order of the table.
    (@in_order $struct:ident, $reader:ident, $seen:ident, $more:ident, $this:expr;
        $field:ident = $json:literal $(, $rest:ident = $rest_json:literal )*
    ) => {
        if $reader.eat(concat!("\"", $json, "\":")) {
            $struct.begin(&mut $seen, $this, true);
            $struct.$field.read_fast($reader)?;
            $more = $reader.has_next_member()?;
            if !$more {
                break;
            }
        }
        json_struct!(@in_order $struct, $reader, $seen, $more, $this + 1; $( $rest = $rest_json ),*);
    };
    (@in_order $struct:ident, $reader:ident, $seen:ident, $more:ident, $this:expr;) => {};
}
pub(super) use json_struct;
