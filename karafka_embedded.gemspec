# frozen_string_literal: true

require_relative "lib/karafka/embedded/version"

Gem::Specification.new do |spec|
  spec.name = "karafka_embedded"
  spec.version = Karafka::Embedded::VERSION
  spec.authors = ["The karafka_embedded contributors"]
  spec.summary = "Karafka consumers inside the process you already run"
  spec.description = <<~TEXT
    A drop-in for the Karafka framework's embedded mode: a Puma, Sidekiq or Passenger process runs its karafka.rb
    and consumers in the background, on a Rust engine that never holds the GVL while it talks to Kafka.
  TEXT
  spec.license = "MIT"
  spec.required_ruby_version = ">= 3.1"

  spec.files = Dir.chdir(__dir__) do
    Dir[
      "Cargo.{toml,lock}", "ext/**/*.{rs,rb,md}", "ext/*/Cargo.toml", "lib/**/*.{rb,erb,tt}",
      "docs/**/*.md", "sig/**/*.rbs", "README.md", "CHANGELOG.md", "LICENSE"
    ].reject { |path| path.include?("/target/") }
  end
  spec.require_paths = ["lib"]
  spec.extensions = ["ext/karafka_embedded/extconf.rb"]
  spec.executables = []
  spec.metadata = { "rubygems_mfa_required" => "true" }

  # extconf.rb writes its Makefile with it, so it is there when the gem is installed, not only when it is developed.
  spec.add_dependency "rb_sys", "~> 0.9", ">= 0.9.87"
end
