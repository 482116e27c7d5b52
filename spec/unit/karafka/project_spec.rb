# frozen_string_literal: true

require "open3"
require "tmpdir"

RSpec.describe Karafka do
  def ruby(script, **environment)
    environment = { "KARAFKA_ENV" => nil, "RACK_ENV" => nil, "RAILS_ENV" => nil, "BUNDLE_GEMFILE" => nil,
                    "RUBYOPT" => nil }.merge(environment.transform_keys(&:to_s))
    output, status = Open3.capture2e(environment, RbConfig.ruby, "-I", File.join(described_class.gem_root, "lib"),
                                     "-e", script)
    expect(status).to be_success, output
    output
  end

  it "loads nothing native and starts no thread, at require, setup and draw" do
    output = ruby(<<~RUBY, KARAFKA_ENV: "test")
      require "karafka"
      class C < Karafka::BaseConsumer; def consume; end; end
      class KarafkaApp < Karafka::App
        setup { |config| config.kafka = { "bootstrap.servers": "a:1" }; config.logger = Logger.new(nil) }
        routes.draw { topic(:a) { consumer C } }
      end
      print [Thread.list.size, $LOADED_FEATURES.grep(/karafka_embedded\\.(so|bundle)/)].inspect
    RUBY

    expect(output).to eq("[1, []]")
  end

  it "has an environment" do
    {
      { KARAFKA_ENV: "a", RACK_ENV: "b" } => "a", { RACK_ENV: "b", RAILS_ENV: "c" } => "b", { RAILS_ENV: "c" } => "c",
      {} => "development"
    }.each do |environment, expected|
      expect(ruby('require "karafka"; print Karafka.env', **environment)).to eq(expected)
    end
    expect(described_class.env.test?).to be(true)
    expect(described_class.env.production?).to be(false)
    expect { described_class.env.nope }.to raise_error(NoMethodError)
  end

  it "finds the boot file" do
    script = 'require "karafka"; print Karafka.boot_file'

    expect(ruby(script, KARAFKA_ROOT_DIR: "/app")).to eq("/app/karafka.rb")
    expect(ruby(script, KARAFKA_ROOT_DIR: "/app", KARAFKA_BOOT_FILE: "config/k.rb")).to eq("/app/config/k.rb")
    expect(ruby(script, KARAFKA_ROOT_DIR: "/app", KARAFKA_BOOT_FILE: "/else/k.rb")).to eq("/else/k.rb")
    expect(ruby(script, KARAFKA_BOOT_FILE: "false")).to eq("false")
  end

  it "knows where it is, and what it is not" do
    expect(described_class.gem_root.join("karafka_embedded.gemspec")).to exist
    expect(described_class.core_root.join("app.rb")).to exist
    expect(described_class.pro?).to be(false)
  end

  it "takes logger and monitor from the settings" do
    logger = Logger.new(nil)
    setup_app { |config| config.logger = logger }

    expect(described_class.logger).to equal(logger)
    expect(Karafka::App.logger).to equal(logger)
    expect(described_class.monitor).to equal(Karafka::App.config.monitor)
  end

  it "logs everything when told to debug" do
    stub_const("OrdersConsumer", Class.new(Karafka::BaseConsumer))
    setup_app { |config| config.logger = Logger.new(nil) }
    draw { topic(:a) { consumer OrdersConsumer } }
    Karafka::App.debug!("cgrp")

    expect(described_class.logger.level).to eq(Logger::DEBUG)
    expect(Karafka::App.routes.first.subscription_groups.first.kafka).to include(debug: "cgrp")
    expect(described_class.producer.config.kafka).to include(debug: "cgrp")
  end
end
