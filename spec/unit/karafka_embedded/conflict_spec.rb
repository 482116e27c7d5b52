# frozen_string_literal: true

require "open3"
require "tmpdir"

RSpec.describe KarafkaEmbedded::Conflict do
  let(:lib) { File.expand_path("../../../lib", __dir__) }

  it "is content where only this gem is" do
    expect { described_class.check! }.not_to raise_error
  end

  it "tells the way out when the framework is activated" do
    framework = Gem::Specification.new("karafka", "2.5.0")
    web = Gem::Specification.new("karafka-web", "0.11.0") { |spec| spec.add_dependency("karafka", ">= 2") }
    allow(Gem).to receive(:loaded_specs).and_return("karafka" => framework, "karafka-web" => web)

    expect { described_class.check! }.to raise_error(described_class::Error, /karafka-2\.5\.0.*Gemfile.*karafka-web/m)
  end

  it "tells the way out when the framework is loaded" do
    Dir.mktmpdir do |directory|
      File.write(File.join(directory, "other.rb"), "module Karafka; VERSION = '2.5.0'; end")
      output, status = Open3.capture2e(RbConfig.ruby, "-I", lib, "-r", File.join(directory, "other"), "-e",
                                       'require "karafka_embedded"')

      expect(status).not_to be_success
      expect(output).to include("karafka_embedded stands in for the gem karafka").and include("other.rb")
    end
  end
end
