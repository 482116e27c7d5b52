# frozen_string_literal: true

RSpec.describe Karafka::Server do
  it "has an id for each process" do
    reader, writer = IO.pipe
    pid = fork do
      writer.write(described_class.id)
      exit!
    end
    writer.close
    Process.wait(pid)

    expect(described_class.id).to match(/\A\h{12}\z/).and eq(described_class.id)
    expect(reader.read).to match(/\A\h{12}\z/).and(satisfy { |id| id != described_class.id })
  end

  it "has no workers before it runs" do
    expect(described_class.workers).to have_attributes(size: 0, alive: [], stopped?: true)
    expect(described_class.workers.scale(3)).to be_nil
    expect(described_class.workers.size).to eq(0)
    expect(described_class.listeners).to eq([])
  end

  it "is embedded" do
    expect(described_class.execution_mode).to be_embedded
    expect(described_class.execution_mode).to eq(:embedded).and eq("embedded")
    expect(described_class.execution_mode).not_to be_standalone
    expect { Karafka::ExecutionMode.new(:nope) }.to raise_error(Karafka::Errors::UnsupportedCaseError)
  end

  it "does not own the process" do
    expect { described_class.run }.to raise_error(Karafka::Errors::UnsupportedOptionError, /Embedded\.start/)
  end

  it "shares the tags of the process" do
    Karafka::Process.tags.add(:mode, "x")

    expect(Karafka::Process.new.tags.to_a).to include("x")
  ensure
    Karafka::Process.tags.delete(:mode)
  end
end
