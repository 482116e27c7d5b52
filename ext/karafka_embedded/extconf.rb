# frozen_string_literal: true

# mkmf first: rb_sys/mkmf extends it.
require "mkmf"
require "rb_sys/mkmf"

create_rust_makefile("karafka_embedded/karafka_embedded") do |config|
  # An engine built without optimisation is of no use to whoever installs the gem; only our own edit-and-run loop
  # asks for the quick build.
  config.profile = ENV.fetch("KARAFKA_EMBEDDED_PROFILE", "release").to_sym
end
