# frozen_string_literal: true

require "fileutils"
require_relative "diaries"
require_relative "host_process"
require_relative "serving"

# Apache with Passenger and the application of spec/hosts/apps/web, with a configuration of its own
class PassengerHost < HostProcess
  include Serving

  MODULES = "/usr/lib/apache2/modules"
  RUBY = RbConfig.ruby
  PROCESSES = 2
  private_constant :MODULES, :RUBY

  class << self
    # @param spawning [String] "smart" or "direct"
    # @param directory [String, nil] one with diaries of earlier processes
    # @param options [Hash] as in {#initialize}
    def open(spawning, directory: nil, **options, &block)
      return anywhere { |own| PassengerHost.open(spawning, directory: own, **options, &block) } unless directory

      host = new(spawning, directory, **options)
      yield host
    ensure
      host&.put_down
    end

    private

    def anywhere(&block)
      Dir.mktmpdir("web", &block)
    end
  end

  # @param environment [Hash{String => String}]
  def initialize(spawning, directory, environment: {})
    @port = HostProcess.free_port
    @diaries = Diaries.new(directory)
    @directory = directory
    # Apache gives up root's rights, and its children write here
    FileUtils.mkdir_p([path("public"), path("instances"), path("restart")])
    FileUtils.touch(path("passenger.log"))
    FileUtils.chmod(0o777, [directory, path("instances"), path("passenger.log")])
    write("ruby", wrapper({ "APP_DIRECTORY" => directory, "RUBYLIB" => LIB }.merge(environment)))
    FileUtils.chmod(0o755, path("ruby"))
    write("apache.conf", configuration(spawning))
    super(["/usr/sbin/apache2", "-f", path("apache.conf"), "-DFOREGROUND"], app: "web", directory: directory,
                                                                            environment: { "TMPDIR" => directory })
  end

  # @return [self] once its processes serve and consume
  def await_running
    await("an answer") { serving? }
    await("#{PROCESSES} processes that consume") { consuming.size == PROCESSES }
    await_serving
  end

  # One that consumes may not have been taken into the pool yet. Passenger kills those when it is told to end, and the
  # agent of 6.0.17 may crash.
  # @return [self] once its processes have all answered a request
  def await_serving
    await("#{PROCESSES} processes that serve") { (consuming - answering).empty? }
    self
  end

  # @return [Array<Integer>] processes that have answered a request; several at a time are not all for the same one
  def answering
    Array.new(2 * PROCESSES) { Thread.new { get("/?serving") } }.each(&:join)
    diaries.lines("begun").map(&:first).uniq
  end

  # Passenger's agent has a process group of its own
  # @return [Array<Integer>]
  def members
    (super + diaries.states.map(&:pid).uniq.select { |pid| alive?(pid) }).uniq
  end

  # @return [Boolean] are its processes forked of one that has loaded the application
  def preloader?
    parents = consuming.map { |pid| File.read("/proc/#{pid}/status")[/^PPid:\s+(\d+)/, 1] }.uniq
    parents.size == 1 && File.read("/proc/#{parents.first}/cmdline").include?("AppPreloader")
  end

  # Has Passenger put other processes in the place of these, with the next request
  def restart
    FileUtils.touch(path("restart/restart.txt"), mtime: Time.now + 1)
    get("/")
  end

  # @return [String] all it printed
  def log
    super + (File.exist?(path("passenger.log")) ? File.read(path("passenger.log"), encoding: "UTF-8").scrub : "")
  end

  # Ends whatever of it is left
  def put_down
    signal("TERM") unless ended?
    Eventually.eventually("the end of Apache", within: 30) { ended? && members.empty? }
  rescue Eventually::Late
    members.each { |pid| Process.kill(:KILL, pid) }
    super
  end

  private

  def alive?(pid)
    !%w[Z X].include?(File.read("/proc/#{pid}/stat").rpartition(")").last.split.first)
  rescue Errno::ENOENT, Errno::ESRCH
    false
  end

  def path(name)
    File.join(@directory, name)
  end

  def write(name, text)
    File.write(path(name), text)
  end

  def wrapper(environment)
    exports = environment.map { |name, value| "export #{name}='#{value}'\n" }.join
    "#!/bin/sh\nexport KARAFKA_ENV=test KARAFKA_REQUIRE_RAILS=false\n#{exports}exec #{RUBY} \"$@\"\n"
  end

  def configuration(spawning)
    modules = %w[mpm_event authz_core passenger].map do |name|
      "LoadModule #{name}_module #{MODULES}/mod_#{name}.so"
    end
    <<~CONF
      ServerRoot #{@directory}
      #{modules.join("\n")}
      Listen 127.0.0.1:#{port}
      ServerName localhost
      User www-data
      Group www-data
      PidFile #{path("apache.pid")}
      ErrorLog #{path("apache.log")}
      DocumentRoot #{path("public")}
      PassengerRoot /usr/lib/ruby/vendor_ruby/phusion_passenger/locations.ini
      PassengerRuby #{path("ruby")}
      PassengerInstanceRegistryDir #{path("instances")}
      PassengerLogFile #{path("passenger.log")}
      PassengerUserSwitching off
      PassengerDisableAnonymousTelemetry on
      PassengerDisableSecurityUpdateCheck on
      PassengerAppRoot #{File.join(APPS, "web")}
      PassengerStatThrottleRate 0
      PassengerRestartDir #{path("restart")}
      PassengerSpawnMethod #{spawning}
      PassengerMinInstances #{PROCESSES}
      PassengerMaxPoolSize #{PROCESSES}
      PassengerPreStart http://127.0.0.1:#{port}/
    CONF
  end
end
