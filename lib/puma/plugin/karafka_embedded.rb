# frozen_string_literal: true

require "puma/plugin"

# Karafka's consumers in Puma, for 5.6 to 8: single mode and cluster, preloaded or not, through phased and hot restarts
# and reforks.
#
#   plugin :karafka_embedded
#   karafka_embedded boot_failure: :report   # only if something is to be other than usual
#
# It goes by the states that Puma's server tells: `:running`, with the application loaded and no request accepted yet,
# `:stop`, `:restart` or `:halt`, with the door closed and requests running, and `:done`, with all of them answered.
# They are the same in each version and mode, and come neither in a signal handler nor in the master.

module Puma
  class DSL
    # Options of the plugin `karafka_embedded`
    # @param boot_failure [Symbol] what happens when consumers can't start. `:exit` (default): the process ends, before
    #   it accepts a request; in a cluster with a preloaded application the master ends before it forks. `:report`: it
    #   serves without them, says so in its log, and is not healthy
    # @param boot_file [String] what draws the routes, if the application has not; `karafka.rb` where there is one
    # @example
    #   karafka_embedded boot_failure: :report
    def karafka_embedded(boot_failure: :exit, boot_file: nil)
      raise ArgumentError, "karafka_embedded: boot_failure is :exit or :report, not #{boot_failure.inspect}" unless
        %i[exit report].include?(boot_failure)

      @options[:karafka_embedded] = { boot_failure: boot_failure, boot_file: boot_file }
    end
  end
end

Puma::Plugin.create do
  # Puma calls it once, in the process that it was started as. Of the gem it loads nothing there: a master that doesn't
  # preload outlives the versions of its application.
  def start(launcher)
    @launcher = launcher
    @master = Process.pid if launcher.options[:workers].to_i.positive?
    # Before 6 what writes Puma's log was the same object as what hands out its events
    @log = launcher.respond_to?(:log_writer) ? launcher.log_writer : launcher.events
    launcher.events.register(:state) { |state| server(state) }
    return unless @master

    launcher.options[:preload_app] ? check_before_fork : check_with_application
  end

  private

  def server(state)
    await_signal_handler if %i[stop restart halt].include?(state)
    # The server of `pumactl` tells its states too, in the master, or on a thread that has its name
    return if @master == Process.pid || Thread.current.name == "puma ctl"

    case state
    when :running then boot
    when :stop, :halt then stopping(&:ending)
    when :restart then stopping
    when :done then @stop&.join
    end
  end

  # The server ends by closing the pipe that a signal handler, which runs on the main thread, tells it by. Ruby 3.3 may
  # wait for ever to close a pipe while a handler still writes to it: the process would neither end nor restart.
  def await_signal_handler
    100.times do
      break unless Thread.main.backtrace&.any? { |line| line.include?("notify_safely") }

      sleep(0.01)
    end
  end

  def boot
    load_application
    Karafka::Embedded.host = Karafka::Embedded::Hosts::Puma.host(@launcher.options)
    Karafka::Embedded.after_fork
  rescue StandardError, ScriptError => e
    failed(e)
  end

  # Runs beside the requests that are still being answered, so that both have the time that Puma's master gives.
  def stopping
    return unless defined?(Karafka::Embedded)

    yield Karafka::Embedded.host if block_given?
    @stop = Thread.new { Karafka::Embedded.stop }
    @stop.name = "karafka.puma"
    @stop.report_on_exception = true
  end

  def load_application
    require "karafka"
    return if Karafka::App.routes.any?

    file = options[:boot_file] || Karafka.boot_file
    require File.expand_path(file) if File.exist?(file.to_s)
  end

  # What is wrong with routes and consumers is wrong in each worker: it is said once, before there are any. Nothing
  # native is touched. Puma only logs what its hooks raise, except that a process is to end.
  def check_before_fork
    @launcher.config.configure do |config|
      # Puma 6 looks for workers where they were not set, and would warn
      config.silence_fork_callback_warning if config.respond_to?(:silence_fork_callback_warning)
      config.before_fork { check }
    end
  end

  # A worker that loads the application itself is looked at when it has: its master takes it for booted soon after, and
  # in a phased restart ends the next of the old ones then.
  def check_with_application
    check = method(:check)
    @launcher.config.define_singleton_method(:app) { super().tap { check.call } }
  end

  def check
    load_application
    Karafka::Embedded.check
  rescue StandardError, ScriptError => e
    failed(e) if options[:boot_failure] == :exit # else each worker says it
  end

  def failed(error)
    @log.log("! Karafka's consumers can't start: #{error.class}: #{error.message}")
    @log.log("! #{error.backtrace&.first(10)&.join("\n!   ")}") unless named?(error)
    return report(error) if options[:boot_failure] == :report

    @log.log("! This process ends, instead of answering requests without them " \
             "(karafka_embedded boot_failure: :report lets it serve)")
    # A master tries again at once, many times a second
    sleep(1) if @master && @master != Process.pid
    exit 1
  end

  def report(error)
    return unless defined?(Karafka::Instrumentation::ErrorReport)

    Karafka::Instrumentation::ErrorReport.call(type: "runner.call.error", error: error, caller: self)
  end

  # A configuration error says itself where to look
  def named?(error)
    defined?(Karafka::Errors::InvalidConfigurationError) && error.is_a?(Karafka::Errors::InvalidConfigurationError)
  end

  def options
    @launcher.options[:karafka_embedded] || { boot_failure: :exit }
  end
end
