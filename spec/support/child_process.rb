# frozen_string_literal: true

require "json"
require "rbconfig"
require "tempfile"

# A Ruby process for what could take RSpec with it: crashes, kills, forks. It runs a program of spec/support/programs,
# gets its options as JSON and tells what happens in lines of JSON on standard output.
class ChildProcess
  # It ended, or was silent, before it told what was waited for
  class Silent < StandardError; end

  ROOT = File.expand_path("../..", __dir__)
  private_constant :ROOT

  class << self
    # @param environment [Hash{String => String}] variables of its environment
    # @yieldparam child [ChildProcess] killed when the block ends, if it still lives
    def open(program, environment: {}, **options)
      child = new(program, options, environment)
      yield child
    ensure
      child&.put_down
    end
  end

  # @return [Integer]
  attr_reader :pid

  # @param program [Symbol] name of a file
  # @param options [Hash] what the program is to do
  # @param environment [Hash{String => String}]
  def initialize(program, options, environment)
    @complaints = Tempfile.new(program.to_s)
    @out, out = IO.pipe
    file = File.join(__dir__, "programs", "#{program}.rb")
    @pid = Process.spawn({ "KARAFKA_ENV" => "test", **environment }, RbConfig.ruby, "-I", File.join(ROOT, "lib"), file,
                         JSON.generate(options), out: out, err: @complaints.path, in: File::NULL)
    out.close
    @told = Queue.new
    @heard = []
    @reader = Thread.new { read }
  end

  # @param event [Symbol] name of what it is to tell, or has told; what else it tells is kept for later
  # @param within [Numeric] seconds
  # @return [Hash{Symbol => Object}]
  # @raise [Silent]
  def await(event, within: 30)
    deadline = Eventually.now + within
    loop do
      index = @heard.index { |line| line[:event] == event.to_s }
      return @heard.delete_at(index) if index

      line = next_line(deadline)
      raise Silent, "no #{event} of #{pid} within #{within} s: #{description}" unless line

      @heard << line
    end
  end

  # @param name [String, Symbol]
  def signal(name)
    Process.kill(name, pid)
  end

  # @param within [Numeric] seconds
  # @return [Process::Status]
  # @raise [Silent]
  def wait(within: 30)
    Eventually.eventually("end of #{pid}", within: within) { ended? }
    @status
  rescue Eventually::Late => e
    raise Silent, "#{e.message}: #{description}"
  end

  # @return [Boolean]
  def ended?
    @status ||= Process.wait2(pid, Process::WNOHANG)&.last
    !@status.nil?
  end

  # KILL, and wait for the end
  def kill
    signal(:KILL) unless ended?
    wait
  end

  # @return [String] what it wrote to standard error
  def complaints
    File.read(@complaints.path)
  end

  # @api private
  def put_down
    kill
  ensure
    @reader.join
    @out.close
    @complaints.close!
  end

  private

  def read
    @out.each_line { |line| @told << JSON.parse(line, symbolize_names: true) }
  ensure
    @told << nil
  end

  def next_line(deadline)
    Eventually.eventually("line", within: [deadline - Eventually.now, 0].max) { !@told.empty? }
    @told.pop
  rescue Eventually::Late
    nil
  end

  def description
    # A crash report of Ruby begins with what matters, and lists every mapping of memory in the end
    "#{ended? ? @status : "it lives"}\n#{complaints.lines.first(120).join}"
  end
end
