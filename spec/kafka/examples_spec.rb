# frozen_string_literal: true

require "open3"
require "rbconfig"

RSpec.describe "examples/" do
  let(:directory) { File.expand_path("../../examples", __dir__) }

  # @return [Array<String>] lines that it printed
  def run_example(name)
    out, err, status = Open3.capture3(
      { "KAFKA_BOOTSTRAP_SERVERS" => KafkaServer.bootstrap, "KARAFKA_ENV" => "test" },
      RbConfig.ruby, File.join(directory, "#{name}.rb")
    )
    expect(status).to be_success, "#{out}\n#{err}"
    expect(err).to be_empty
    out.lines(chomp: true)
  end

  it "plain.rb reads its messages" do
    expect(run_example("plain")).to eq(
      ["reading orders, partition 0", "order 1 at offset 0", "order 2 at offset 1", "order 3 at offset 2",
       "no more orders"]
    )
  end

  it "manual_offsets.rb goes on behind its last mark" do
    expect(run_example("manual_offsets")).to eq(
      ["start", "paid 1", "paid 2", "interrupted", "start", "paid 3", "paid 4", "paid 5", "committed"]
    )
  end

  it "dead_letters.rb gives up one message and reads the rest" do
    lines = run_example("dead_letters").reject { |line| line.start_with?("dead:") }

    expect(lines).to eq(
      ['try 1: {"amount":1}', 'try 1: {"amuont":2}', 'try 2: {"amuont":2}', 'try 3: {"amuont":2}', "gave up offset 1",
       'try 1: {"amount":3,"last":true}']
    )
  end

  it "pausing.rb waits and goes on where it was" do
    expect(run_example("pausing")).to eq(
      ["printer is down, waiting with offset 0", "printer is down, waiting with offset 0", "printed a", "printed b"]
    )
  end

  it "seek.rb goes back to a time, and to the beginning" do
    expect(run_example("seek")).to eq(%w[a b c] + ["back to 2024"] + %w[b c] + ["back to the beginning"] + %w[a b c])
  end

  it "insights.rb knows where its partition ends" do
    expect(run_example("insights")).to eq(["partition 0 ends at offset 3, we are at 2"])
  end

  it "are all run here" do
    programs = Dir.glob("*.rb", base: directory).map { |file| File.basename(file, ".rb") }

    expect(programs).to match_array(%w[plain manual_offsets dead_letters pausing seek insights])
  end
end
