# frozen_string_literal: true

require "json"
require "tmpdir"

RSpec.describe Karafka::Embedded::StateRecord do
  let!(:directory) { Dir.mktmpdir("state") } # Before any fork
  let(:path) { File.join(directory, "karafka.json") }
  let(:reported) { [] }
  let(:report) { instance_double(Karafka::Embedded::StopReport, to_h: { clean: true }) }

  before do
    list = reported
    Karafka.monitor.subscribe("error.occurred") { |event| list << event }
  end

  after { FileUtils.remove_entry(directory) }

  def read(file = path)
    JSON.parse(File.read(file), symbolize_names: true)
  end

  # What a process left that did the block and was killed
  def killed
    pid = fork do
      yield described_class.open(path)
      Process.kill(:KILL, Process.pid)
    end
    Process.wait(pid)
    pid
  end

  it "says how this process is" do
    record = described_class.open(path)
    expect(read).to include(process_id: Process.pid, state: "starting", started_at: /\A\d{4}-\d\d-\d\dT[\d:.]+Z\z/)
    record.note(:running)
    expect(read).to include(state: "running")
    record.stop_begun(:stopping, 20_000)
    expect(read).to include(state: "stopping", stop_began_at: String, stop_timeout_ms: 20_000, stop_ended_at: nil)
    record.stop_ended(:stopped, report)
    expect(read).to include(state: "stopped", stop_ended_at: String, report: { clean: true })
    expect(Dir.children(directory)).to contain_exactly("karafka.json", "karafka.json.lock")
  end

  it "is never seen half written" do
    record = described_class.open(path)
    writing = Thread.new { 2_000.times { |n| record.note(:"state#{n}") } }
    seen = []
    seen << read[:state] while writing.alive?
    expect(seen.uniq.size).to be > 1
  end

  it "reports a stop that was cut short, once" do
    pid = killed { |record| record.stop_begun(:stopping, 20_000) }
    described_class.open(path)
    expect(reported.map { |event| event[:type] }).to eq(["state_record.cut_short.error"])
    expect(reported.first[:error].message).to match(/stop of process #{pid}, begun at .* with 20000 ms, was cut short/)
    expect(reported.first[:record]).to include(process_id: pid)
    described_class.open(path)
    expect(reported.size).to eq(1)
  end

  it "reports a process that ended without a stop" do
    pid = killed { |record| record.note(:running) }
    described_class.open(path)
    expect(reported.first[:error].message).to start_with("process #{pid} ended without a stop, it was running")
  end

  it "says nothing of a stop that ended, of this process's former run, or of what can't be read" do
    killed { |record| record.stop_ended(:stopped, report) }
    described_class.open(path).note(:running)
    described_class.open(path)
    File.write(path, "{")
    described_class.open(path)
    expect(reported).to be_empty
    expect(read).to include(process_id: Process.pid)
  end

  it "reports a process that was killed while a second engine ran, after one that crashed" do
    pid = killed do |record|
      record.stop_begun(:crashed, 20_000)
      record.stop_ended(:crashed, report)
      record.run_begun
      record.note(:running)
    end
    expect(read).to include(state: "running", stop_began_at: nil, stop_timeout_ms: nil, stop_ended_at: nil, report: nil)
    described_class.open(path)
    expect(reported.map { |event| event[:error].message })
      .to contain_exactly(start_with("process #{pid} ended without a stop, it was running"))
  end

  it "leaves the drafts of those who live, and clears those of the dead away" do
    dead = killed { |record| record.stop_ended(:stopped, report) }
    drafts = [Process.ppid, dead].flat_map { |pid| ["#{path}.draft.#{pid}", "#{path}.#{pid}.draft.#{pid}"] }
    drafts.each { |draft| File.write(draft, "{") }
    described_class.open(path)

    expect(drafts.map { |draft| File.exist?(draft) }).to eq([true, true, false, false])
    expect(reported).to be_empty
  end

  it "lets others start while subscribers hear of a stop that was cut short" do
    killed { |record| record.note(:running) }
    locked = nil
    Karafka.monitor.subscribe("error.occurred") do
      File.open("#{path}.lock") { |lock| locked = !lock.flock(File::LOCK_EX | File::LOCK_NB) }
    end
    described_class.open(path)

    expect([reported.size, locked]).to eq([1, false])
  end

  it "does without where another process keeps the lock" do
    stub_const("#{described_class}::LOCK_PATIENCE", 50)
    allow(Karafka.logger).to receive(:error)
    File.open("#{path}.lock", File::CREAT | File::RDWR) do |lock|
      lock.flock(File::LOCK_EX)
      expect(described_class.open(path)).to be(described_class::NONE)
    end
    expect(Karafka.logger).to have_received(:error).with(/can't keep its state in .* another process has held/)
  end

  it "isn't misled by a process id that is used again" do
    described_class.open(path).note(:running)
    File.write(path, JSON.generate({ **read, owner: "another/1" }))
    described_class.open(path)
    expect(reported.first[:error].message).to include("process #{Process.pid} ended without a stop")
  end

  it "leaves the path to who has it, and clears away what others left" do
    reader, writer = IO.pipe
    pid = fork do
      described_class.open(path).note(:running)
      writer.write(".")
      sleep
    end
    reader.read(1)
    record = described_class.open(path)
    expect(record.path).to eq("#{path}.#{Process.pid}")
    expect([read[:process_id], read(record.path)[:process_id]]).to eq([pid, Process.pid])
    expect(reported).to be_empty

    Process.kill(:KILL, pid)
    Process.wait(pid)
    pid = nil
    described_class.open(path)
    expect(read[:process_id]).to eq(Process.pid)
    expect(File.exist?(record.path)).to be(false)
    expect(reported.size).to eq(1)
  ensure
    Process.kill(:KILL, pid) if pid
  end

  it "is no reason not to go on where it can't be written" do
    record = described_class.open(File.join(directory, "missing", "karafka.json"))
    expect(record.note(:running)).to be_nil
    expect(described_class.open(nil).stop_ended(:stopped, report)).to be_nil
  end
end
