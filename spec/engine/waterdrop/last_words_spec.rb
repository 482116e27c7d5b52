# frozen_string_literal: true

require "open3"

RSpec.describe WaterDrop::Clients::LastWords do
  let(:broker) { Karafka::Embedded::Broker.start(topics: { "orders" => 1 }) }
  let(:producer) { build }

  after do
    producer.close!
    broker.stop
  end

  def build
    WaterDrop::Producer.new { |config| config.kafka = { "bootstrap.servers": broker.bootstrap_servers } }
  end

  it "still sends what nobody waited for when the process exits" do
    broker
    pid = fork do
      build.produce_async(topic: "orders", payload: "1", partition: 0)
      exit(true)
    end
    Process.wait(pid)

    expect(producer.produce_sync(topic: "orders", payload: "2", partition: 0).offset).to eq(1)
  end

  # A child ends after every few objects, with collecting as far as it is then
  it "is not in the way of an exit while it is collected, if it was closed" do
    program = <<~RUBY
      def build = WaterDrop::Producer.new { |config| config.kafka = { "bootstrap.servers": ARGV.first } }
      def use = build.tap { |producer| producer.produce_sync(topic: "orders", payload: "1", partition: 0) }

      GC.start
      GC.disable
      settings = Thread.new { Array.new(40) { use.tap(&:close).config } }.value
      GC.enable
      GC.start(immediate_sweep: false)
      objects = []
      100.times do
        10.times { objects << proc {} }
        Process.wait(fork { exit })
      end
    RUBY
    out, status = Open3.capture2e(RbConfig.ruby, "-Ilib", "-rkarafka", "-e", program, broker.bootstrap_servers)

    expect([status.success?, out]).to eq([true, ""])
  end

  it "still sends what is produced while the process exits, whoever registered first" do
    program = <<~RUBY
      at_exit { PRODUCER.produce_async(topic: "orders", payload: "2", partition: 0) }
      PRODUCER = WaterDrop::Producer.new { |config| config.kafka = { "bootstrap.servers": ARGV.first } }
      PRODUCER.produce_sync(topic: "orders", payload: "1", partition: 0)
    RUBY
    out, status = Open3.capture2e(RbConfig.ruby, "-Ilib", "-rkarafka", "-e", program, broker.bootstrap_servers)

    expect([status.success?, out]).to eq([true, ""])
    expect(producer.produce_sync(topic: "orders", payload: "3", partition: 0).offset).to eq(2)
  end

  it "still sends what is produced by tests that run at exit" do
    program = <<~RUBY
      require "karafka"
      PRODUCER = WaterDrop::Producer.new { |config| config.kafka = { "bootstrap.servers": ARGV.first } }
    RUBY
    tests = 'at_exit { PRODUCER.produce_async(topic: "orders", payload: "1", partition: 0) }'
    out, status = Open3.capture2e(RbConfig.ruby, "-Ilib", "-e", "#{tests}\n#{program}", broker.bootstrap_servers)

    expect([status.success?, out]).to eq([true, ""])
    expect(producer.produce_sync(topic: "orders", payload: "2", partition: 0).offset).to eq(1)
  end
end
