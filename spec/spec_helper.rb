# frozen_string_literal: true

# Logs of the examples are theirs: nothing is written beside the tests.
ENV["KARAFKA_ENV"] ||= "test"
# Where Rails is installed it would be loaded, into every child process too; the specs about it say so.
ENV["KARAFKA_REQUIRE_RAILS"] ||= "false"

require "karafka"

Dir[File.join(__dir__, "support", "*.rb")].each { |file| require file }

RSpec.configure do |config|
  config.disable_monkey_patching!
  config.raise_errors_for_deprecations!
  config.shared_context_metadata_behavior = :apply_to_host_groups
  config.filter_run_when_matching :focus

  config.expect_with(:rspec) { |expectations| expectations.include_chain_clauses_in_custom_matcher_descriptions = true }
  config.mock_with(:rspec) { |mocks| mocks.verify_partial_doubles = true }

  config.define_derived_metadata(file_path: %r{/spec/unit/}) { |metadata| metadata[:fresh_app] = true }
  config.around(:each, :fresh_app) { |example| FreshApp.around { example.run } }

  # KARAFKA_EMBEDDED_GC_STRESS=1: the collector runs all the time and moves what it can, so that whatever the native
  # side forgot to hold on to is gone before the example ends. Not where the example is about time, or about what waits
  # for a major collection; and what somebody else's extension forgot is not asked.
  if ENV["KARAFKA_EMBEDDED_GC_STRESS"] == "1"
    config.filter_run_excluding(:immovable)
    config.around do |example|
      undisturbed = example.metadata.values_at(:timing, :minor_collections).any?
      undisturbed ? example.run : GCStress.around { example.run }
    end
  end
end
