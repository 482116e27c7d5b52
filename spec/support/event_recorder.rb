# frozen_string_literal: true

# Remembers what the monitor told, in its order
class EventRecorder
  # @param ids [Array<String>] what to remember; some are told only when somebody subscribed
  def initialize(*ids, monitor: Karafka.monitor)
    @events = Queue.new
    @told = []
    ids.each { |id| monitor.subscribe(id) { |event| @events << event } }
  end

  # @return [Array<Karafka::Core::Monitoring::Event>] so far
  def all
    @told << @events.pop until @events.empty?
    @told
  end

  # @return [Array<String>] in their order
  def ids
    all.map(&:id)
  end

  # @param id [String]
  # @return [Array<Karafka::Core::Monitoring::Event>]
  def of(id)
    all.select { |event| event.id == id }
  end

  # @param id [String]
  # @yieldparam event [Karafka::Core::Monitoring::Event]
  # @return [Karafka::Core::Monitoring::Event] the first of it, which the block accepts
  def await(id, within: 20)
    Eventually.eventually(id, within: within) { of(id).find { |event| !block_given? || yield(event) } }
  end
end
