# frozen_string_literal: true

RSpec.describe Karafka::Setup::KafkaProperties do
  def error(**settings)
    described_class.error_in(settings)
  end

  it "takes what librdkafka takes" do
    expect(error("bootstrap.servers": "x", "enable.auto.commit": "false", "fetch.wait.max.ms": 10, acks: "all",
                 "isolation.level": "read_committed", debug: "all", "linger.ms": 0.5, "queued.min.messages": "5"))
      .to be_nil
  end

  it "names what there is not" do
    expect(error("bootstrap.server": "x")).to eq('No such configuration property: "bootstrap.server"')
  end

  it "tells a value that is not possible" do
    expect(error("isolation.level": "read_all"))
      .to eq('Invalid value "read_all" for configuration property "isolation.level"')
    expect(error("enable.auto.commit": "maybe")).to include('"enable.auto.commit"')
    expect(error("fetch.wait.max.ms": "soon")).to include('"fetch.wait.max.ms"')
    expect(error("fetch.wait.max.ms": 1.5)).to include('"fetch.wait.max.ms"')
  end

  it "tells a value that is out of range" do
    expect(error("session.timeout.ms": 0))
      .to eq('Configuration property "session.timeout.ms" value 0 is outside allowed range 1..3600000')
  end

  it "never repeats a secret" do
    expect(error("sasl.password": { a: "hunter2" })).not_to include("hunter2")
  end

  it "knows whose a property is" do
    expect(Karafka::Setup::AttributesMap.consumer("group.id": 1, "linger.ms": 2, "client.id": 3))
      .to eq("group.id": 1, "client.id": 3)
    expect(Karafka::Setup::AttributesMap.producer("group.id": 1, "linger.ms": 2, "client.id": 3))
      .to eq("linger.ms": 2, "client.id": 3)
  end
end
