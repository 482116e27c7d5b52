# frozen_string_literal: true

RSpec.describe Karafka::Core::Configurable do
  let(:configured) do
    Class.new do
      extend Karafka::Core::Configurable
      setting :name, default: "x"
      setting :list, default: []
      setting(:pause) { setting :timeout, default: 1 }
      setting :built, constructor: -> { Object.new }
    end
  end
  let(:config) { configured.config }

  it "has real accessors, and only those" do
    expect(config).to respond_to(:name).and respond_to(:name=)
    expect(config).not_to respond_to(:nope)
    expect { config.pause_timeout = 5 }.to raise_error(NoMethodError, /pause_timeout=/)
    expect { config.pause.nope }.to raise_error(NoMethodError, /nope/)
  end

  it "knows what was written from what is a default" do
    config.pause.timeout = 1

    expect(config.set_by_user?(:name)).to be(false)
    expect(config.set_by_user?("pause.timeout")).to be(true)
  end

  it "builds a default once, when it is read" do
    expect(config.built).to equal(config.built)
  end

  it "turns into nested hashes" do
    expect(config.to_h).to include(name: "x", pause: { timeout: 1 })
  end

  it "never prints values" do
    config.name = "secret"

    expect(config.inspect).not_to include("secret")
  end

  it "gives each instance settings of its own" do
    listener = Class.new do
      include Karafka::Core::Configurable
      setting :tags, default: []
    end
    one = listener.new
    other = listener.new
    one.configure { |config| config.tags << "a" }

    expect(other.config.tags).to eq([])
  end
end
