# frozen_string_literal: true

# What is told here is deterministic: who is old, and what a minor collection frees.
RSpec.describe "What consumers leave to Ruby's collector" do
  def collect_young
    GC.start(full_mark: false, immediate_sweep: true)
  end

  # How many of 30 objects a holder that is old has had one after the other are left after minor collections
  def left_of(holder)
    job = Class.new
    5.times { collect_young }
    30.times do
      holder.job = job.new
      collect_young
    end
    holder.job = nil
    collect_young
    ObjectSpace.each_object(job).count
  end

  let(:holder) { Struct.new(:job) }

  it "keeps nothing for a major collection that an object refers to which says that it refers to jobs" do
    expect(left_of(Karafka::Native.refers_to_jobs(holder.new))).to be < 10
  end

  # Without which the example before shows nothing
  it "keeps for a major collection what any other old object refers to", :minor_collections do
    expect(left_of(holder.new)).to be > 20
  end

  it "keeps no batch that was consumed, nor its lease" do
    kinds = [Karafka::Native::Batch, Karafka::Native::Lease]
    others = kinds.flat_map { |kind| ObjectSpace.each_object(kind).to_a } # What other examples left
    topic = create_topic("orders", partitions: 1)
    done = Queue.new
    setup_embedded(bootstrap) { |config| config.max_messages = 10 }
    route(topic, consumer_class do
      messages.each(&:raw_payload)
      GC.start(full_mark: false, immediate_sweep: true)
      done << messages.size
    end)
    start_with({ topic => 1 })
    feed(topic, Array.new(400, "x"))
    eventually("all messages") { done.size >= 40 }
    collect_young

    expect(kinds.map { |kind| (ObjectSpace.each_object(kind).to_a - others).size }).to all(be < 15)
  end
end
