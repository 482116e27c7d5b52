# frozen_string_literal: true

require "karafka/embedded/rails_code"

RSpec.describe Karafka::Embedded::RailsCode do
  subject(:code) { described_class.new(application) }

  let(:ways) { [] }
  let(:executor) { way(:executor) }
  let(:reloader) { way(:reloader) }
  let(:application) { Struct.new(:config, :executor, :reloader).new(config, executor, reloader) }
  let(:config) { Struct.new(:cache_classes).new(false) }

  def way(name)
    ways = self.ways
    Class.new do
      define_method(:wrap) do |&block|
        ways << name
        block.call
      end

      def active? = false
    end.new
  end

  it "begins a batch with the code as it is saved, where classes reload" do
    expect(code.call(:consume) { :done }).to eq(:done)
    expect(ways).to eq([:reloader])
    expect(code).to be_reloads
  end

  it "does not reload for the last words to a consumer" do
    %i[revoked shutdown].each { |action| code.call(action) { nil } }

    expect(ways).to eq(%i[executor executor])
  end

  it "does not reload where classes are kept" do
    config.cache_classes = true
    code.call(:consume) { nil }

    expect(ways).to eq([:executor])
    expect(code).not_to be_reloads
  end

  it "asks Rails since 7.1 by the other name" do
    newer = Struct.new(:reloading_enabled?).new(true)

    expect(described_class.new(Struct.new(:config).new(newer))).to be_reloads
  end

  it "counts the search for consumers as running code" do
    expect(code.enter { :found }).to eq(:found)
    expect(ways).to eq([:executor])
  end
end
