# frozen_string_literal: true

require "fileutils"
require "json"
require "open3"
require "tmpdir"

RSpec.describe "the example shop" do
  # A copy, so that shops of this checkout stay
  let(:directory) { File.realpath(Dir.mktmpdir("shop")) }
  let(:root) { File.expand_path("../../..", __dir__) }
  let(:command) { [RbConfig.ruby, "-I", File.join(root, "lib"), "-r", "karafka", "-r", "#{directory}/app/shop", "-e"] }

  before { FileUtils.cp_r(File.join(root, "examples", "shop", "app"), directory) }
  after { FileUtils.rm_rf(directory) }

  def run(script, **environment)
    environment = { "SHOP_DIRECTORY" => nil, "SHOP_TOPIC" => nil }.merge(environment.transform_keys(&:to_s))
    output, status = Open3.capture2e(environment, *command, script)
    expect(status).to be_success, output
    output
  end

  def kept
    Dir.children(File.join(directory, "tmp"))
  end

  it "keeps the books of another shop that is open, and takes away those of one that is not" do
    open = "Shop.open; Shop.journal.append([{}]); puts Process.pid; $stdout.flush; gets"
    IO.popen([*command, open], "r+") do |first|
      expect(first.gets).to eq("#{first.pid}\n")
      second = run("Shop.open; Shop.journal.append([{}]); print Process.pid")
      expect(kept).to contain_exactly(first.pid.to_s, second)
      expect(File.size(File.join(directory, "tmp", first.pid.to_s, "orders.jsonl"))).to be_positive
      third = run("Shop.open; print Process.pid")
      expect(kept).to contain_exactly(first.pid.to_s, third)
      first.puts
    end
  end

  it "has a directory for all processes that its first one forks, or the one that it is told" do
    expect(run("Process.wait(fork { print Shop::DIRECTORY })\nprint ' ', Process.pid"))
      .to match(%r{\A#{directory}/tmp/(\d+) \1\z})
    expect(run("print Shop::DIRECTORY", SHOP_DIRECTORY: "/elsewhere")).to eq("/elsewhere")
  end

  it "fills its orders, and leaves out what others wrote to the topic" do
    script = <<~'RUBY'
      Message = Struct.new(:raw_payload, :topic, :partition, :offset) do
        def payload = Karafka::Deserializers::Payload.new.call(self)
      end
      ORDER = { id: "1", item: "Cocoa", quantity: 1, cents: 340, placed_at: Shop.now }.freeze
      STRANGE = [ORDER.except(:placed_at), { **ORDER, placed_at: "now" }, { **ORDER, item: ["Cocoa"] }, [ORDER], 1]
      payloads = [*STRANGE.map { |one| JSON.generate(one) }, "{", "", "\xFF", nil,
                  JSON.generate(ORDER).sub("1", "\xFF"), JSON.generate(ORDER).sub("340", "1e999")]
      payloads << JSON.generate({ **ORDER, note: "x" }).sub("x", "\xFF") << JSON.generate({ **ORDER, id: "2" })
      messages = payloads.map.with_index { |payload, offset| Message.new(payload, "t", 0, offset) }
      Karafka::App.setup do |config|
        config.kafka = { "bootstrap.servers": "a:1" }
        config.logger = Logger.new($stderr)
      end
      Shop.open
      consumer = OrdersConsumer.allocate
      consumer.define_singleton_method(:messages) { messages }
      consumer.consume
      puts JSON.generate(Shop.journal.summary)
    RUBY
    lines = run(script).lines(chomp: true)

    summary = JSON.parse(lines.grep(/\A\{/).first, symbolize_names: true)
    expect(summary[:latest].first).to include(id: "2", item: "Cocoa", offset: 12)
    expect(summary[:latency_ms]).to include(p50: a_kind_of(Numeric))
    # Whether bytes that are no UTF-8 are JSON is up to the gem json: one order has them where nobody looks
    expect(summary[:count]).to eq(1).or eq(2)
    expect(lines.grep(%r{t/0: what is at 0 is no order of the shop}).size).to eq(1)
    expect(lines.grep(/no order of the shop/).size).to eq(13 - summary[:count])
  end

  it "uses a topic of its own" do
    expect(run("print Shop::TOPIC")).to eq("shop-orders")
    expect(run("print Shop::TOPIC", SHOP_TOPIC: "mine")).to eq("mine")
  end
end
