# frozen_string_literal: true

require "json"
require "tmpdir"

RSpec.describe Karafka::Embedded::StateRecord do
  let(:topic) { create_topic("orders") }
  let(:path) { File.join(@directory, "karafka.json") }
  let(:journal) { Journal.new(File.join(@directory, "journal")) }

  around do |example|
    Dir.mktmpdir do |directory|
      @directory = directory
      example.run
    end
  end

  # A process that keeps its state at `path`, in the midst of a job that lasts
  def with_busy_process
    ENV["KARAFKA_EMBEDDED_STATE_PATH"] = path
    ChildProcess.open(:journal, topic: topic, batch_ms: 60_000, journal: journal.path, **on_broker) do |child|
      child.await(:assigned)
      Feed.open(bootstrap) { |feed| feed.send(topic, ["1"]) }
      eventually("a job, and a record of it") { journal.entries.any? && recorded[:state] == "running" }
      yield child
    end
  ensure
    ENV.delete("KARAFKA_EMBEDDED_STATE_PATH")
  end

  def recorded
    File.exist?(path) ? JSON.parse(File.read(path), symbolize_names: true) : {}
  end

  # @return [Array<String>] what the next start says of the one before
  def told_by_the_next_start
    setup_embedded(bootstrap) { |config| config.embedded.state_path = path }
    route(topic, consumer_class { nil })
    Karafka::Embedded.start
    errors.select { |one| one.type == "state_record.cut_short.error" }.map { |one| one.error.message }
  end

  it "tells the next start of a stop that was cut short by SIGKILL" do
    pid = with_busy_process do |child|
      child.signal(:TERM)
      eventually("its stop") { recorded[:stop_began_at] }
      child.kill
      child.pid
    end

    expect(told_by_the_next_start).to match([/\Athe stop of process #{pid}, begun at .* was cut short/])
  end

  it "tells the next start of a process that was killed while it ran" do
    pid = with_busy_process do |child|
      child.kill
      child.pid
    end

    expect(told_by_the_next_start).to match([/\Aprocess #{pid} ended without a stop, it was running/])
  end

  it "keeps the end of an engine that can't be started again" do
    setup_embedded(bootstrap) do |config|
      config.embedded.state_path = path
      config.embedded.crash_policy = :restart
    end
    route(topic, consumer_class { nil })
    start_with({ topic => 1 })
    Karafka::App.consumer_groups.first.topics.first.consumer = "Missing"
    Karafka::Embedded.runtime.engine.provoke(:crash)
    eventually("a restart that fails", within: 30) { errors.any? { |one| one.error.message.include?("Missing") } }
    Karafka::Embedded.stop

    expect(recorded).to include(stop_ended_at: String, report: Hash)
  end
end
