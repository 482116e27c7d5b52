# frozen_string_literal: true

require "net/http"

# A host that answers requests at its port, and consumes
module Serving
  # @return [Integer]
  attr_reader :port
  # @return [Diaries]
  attr_reader :diaries

  # @param uri [String]
  # @return [Net::HTTPResponse, nil] nil where nobody answers
  def get(uri)
    Net::HTTP.start("127.0.0.1", port, open_timeout: 5, read_timeout: 60) { |http| http.get(uri) }
  rescue SystemCallError, IOError
    nil
  end

  # @return [Boolean]
  def serving?
    get("/")&.code == "200"
  end

  # @return [Array<Integer>] its processes that live, and consume as far as they said
  def consuming
    diaries.running & members
  end

  # Waits until others have taken the place of these
  # @param former [Array<Integer>] process ids
  # @param processes [Integer] how many there are to be
  def await_others(former, processes)
    await("other processes, which consume") { consuming.size == processes && (consuming & former).empty? }
  end

  # @param sent [Integer] messages
  # @param killed [Array<Integer>] processes that could say nothing
  # @return [Hash{Symbol => Integer}] what became of messages and processes
  def outcome(sent, killed: [])
    states = diaries.states.group_by(&:pid).except(*killed)
    {
      messages: sent, lost: diaries.lost(sent), repeated: diaries.repeated, processes: states.size,
      never_stopped: states.count { |_, list| list.last.name != "stopped" }, orphans: members.size,
      unclean: log.scan(/Karafka::Embedded stopped.*/).grep_v(/, 0 abandoned$/).size
    }
  end
end
