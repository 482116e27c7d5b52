# frozen_string_literal: true

require "karafka/embedded/boot_file"
require "tmpdir"

RSpec.describe Karafka::Embedded::BootFile do
  around { |example| Dir.mktmpdir { |directory| in_root(Pathname.new(directory), example) } }

  let(:routes) { Karafka::App.routes }

  def in_root(root, example)
    @root = root
    before = ENV.fetch("KARAFKA_ROOT_DIR", nil)
    ENV["KARAFKA_ROOT_DIR"] = root.join("elsewhere").to_s
    example.run
  ensure
    ENV["KARAFKA_ROOT_DIR"] = before
  end

  def boot_file(text, name = "karafka.rb")
    @root.join(name).write(text)
  end

  def load_it
    described_class.load(@root)
  end

  before { stub_const("OrdersConsumer", Class.new(Karafka::BaseConsumer)) }

  it "is loaded once, however often code is reloaded" do
    setup_app
    boot_file("Karafka::App.routes.draw { topic(:orders) { consumer OrdersConsumer } }")
    2.times { load_it }

    expect(routes.flat_map { |group| group.topics.map(&:name) }).to eq(["orders"])
  end

  it "is loaded again where it raised, and finds no routes of the first time" do
    setup_app
    boot_file("Karafka::App.routes.draw { topic(:orders) { consumer OrdersConsumer } }\nraise 'after that'")
    expect { load_it }.to raise_error("after that")
    boot_file("Karafka::App.routes.draw { topic(:orders) { consumer OrdersConsumer } }")
    load_it

    expect(routes.flat_map { |group| group.topics.map(&:name) }).to eq(["orders"])
  end

  it "is missed" do
    expect { load_it }.to raise_error(Karafka::Errors::MissingBootFileError, /elsewhere.*karafka\.rb/)
  end

  %w[Rails::Command::GenerateCommand Rails::Command::DestroyCommand Spring::Application].each do |writer|
    it "may be missing where #{writer} says that it may be about to be written" do
      stub_const(writer, Class.new)

      expect(load_it).to be_nil
    end
  end

  it "is missed no less where Rails serves" do
    stub_const("Rails::Command::ServerCommand", Class.new)

    expect { load_it }.to raise_error(Karafka::Errors::MissingBootFileError)
  end

  it "is where KARAFKA_BOOT_FILE says, or nowhere" do
    boot_file("Karafka::App.config.client_id = 'elsewhere'", "kafka.rb")
    stub_const("ENV", ENV.to_h.merge("KARAFKA_BOOT_FILE" => "kafka.rb"))
    load_it
    expect(Karafka::App.config.client_id).to eq("elsewhere")

    stub_const("ENV", ENV.to_h.merge("KARAFKA_BOOT_FILE" => "false"))
    expect(load_it).to be_nil
  end
end
