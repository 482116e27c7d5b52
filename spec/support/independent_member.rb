# frozen_string_literal: true

require "tempfile"

# A member of a consumer group that is not ours: kcat, or Kafka's own consumer in Java. What it writes becomes a
# {Journal}.
class IndependentMember
  class << self
    # @param command [Array<String>]
    # @param journal [Journal] what it is to be written to
    # @yield while it runs
    def open(command, journal)
      member = new(command, journal)
      yield member
    ensure
      member&.end
    end

    # @param bootstrap [String]
    # @param kafka [Hash] settings for librdkafka
    # @return [Array<String>]
    def kcat(bootstrap, topic:, group:, kafka: {})
      settings = { "auto.offset.reset" => "earliest", **kafka }.flat_map { |name, value| ["-X", "#{name}=#{value}"] }
      ["kcat", "-q", "-u", "-b", bootstrap, *settings, "-f", "%p %o\n", "-G", group, topic]
    end

    # @param own [KafkaServer::Own]
    # @param kafka [Hash] settings for Kafka's consumer
    # @return [Array<String>]
    def java(own, topic:, group:, kafka: {})
      settings = { "auto.offset.reset" => "earliest", **kafka }
                 .flat_map { |name, value| ["--consumer-property", "#{name}=#{value}"] }
      printed = { "print.partition" => true, "print.offset" => true, "print.value" => false }
                .flat_map { |name, value| ["--property", "#{name}=#{value}"] }
      own.tool("consumer", "--topic", topic, "--group", group, *settings, *printed)
    end
  end

  # @param command [Array<String>]
  # @param journal [Journal]
  def initialize(command, journal)
    @complaints = Tempfile.new("member")
    @out, out = IO.pipe
    @pid = Process.spawn(*command, out: out, err: @complaints.path, in: File::NULL)
    out.close
    @reader = Thread.new { File.open(journal.path, "a") { |file| copy(file) } }
  end

  # @return [String] what it wrote to standard error
  def complaints
    File.read(@complaints.path)
  end

  # Asks it to leave its group, and waits
  # @return [Process::Status]
  def end
    return @status if @status

    Process.kill(:TERM, @pid)
    Eventually.eventually("end of #{@pid}", within: 30) { @status = Process.wait2(@pid, Process::WNOHANG)&.last }
  rescue Eventually::Late
    Process.kill(:KILL, @pid)
    @status = Process.wait2(@pid).last
    raise
  ensure
    @reader.join
    [@out, @complaints].each(&:close)
  end

  private

  # Partition and offset, as kcat or Kafka's consumer writes them; the latter's log comes on the same way.
  def copy(file)
    file.sync = true
    @out.each_line do |line|
      number, offset = line.match(/\A(?:Partition:)?(\d+)\s+(?:Offset:)?(\d+)\b/)&.captures
      file.write("#{number} #{offset} #{(Eventually.now * 1_000).round} 0\n") if offset
    end
  end
end
