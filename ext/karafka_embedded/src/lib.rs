//! The binding of karafka_engine to Ruby.
