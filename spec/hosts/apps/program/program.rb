# frozen_string_literal: true

# Programs of several kinds, by the name in ARGV

require_relative "../karafka"

PROGRAMS = {
  # A script: its work is done when the topic is read
  "block" => lambda do
    Karafka::Embedded.run_with do
      Diary.write(:hooks, Karafka::Embedded.state)
      sleep 0.01 until File.exist?("#{Diary::DIRECTORY}/done")
    end
  end,
  "failing block" => lambda do
    Karafka::Embedded.run_with do
      sleep 0.01 until File.exist?("#{Diary::DIRECTORY}/done")
      raise "out of luck"
    end
  end,
  "until exit" => lambda do
    Karafka::Embedded.run_until_exit
    sleep 0.01 until File.exist?("#{Diary::DIRECTORY}/done")
  end,
  # What Unicorn does: the master has used what it has loaded, and its workers are forks
  "forking server" => lambda do
    Karafka.producer.produce_sync(topic: ENV.fetch("APP_TOPIC"), payload: "from the master")
    pids = Array.new(2) do |n|
      fork do
        Karafka::Embedded.after_fork
        Karafka.producer.produce_sync(topic: ENV.fetch("APP_TOPIC"), payload: "from worker #{n}")
        trap(:TERM) { exit }
        sleep
      end
    end
    trap(:TERM) { pids.each { |pid| Process.kill(:TERM, pid) } }
    Process.waitall
  end,
  "daemon" => lambda do
    Process.daemon(true, true)
    Karafka::Embedded.run_until_exit
    sleep 0.01 until File.exist?("#{Diary::DIRECTORY}/done")
  end,
  # A process that consumes becomes a daemon: its child has no engine of the parent's, and gets its own
  "daemon that consumed" => lambda do
    Karafka::Embedded.start
    sleep 0.01 until Dir.glob("#{Diary::DIRECTORY}/journal.*").any?
    Process.daemon(true, true)
    Diary.write(:hooks, Karafka::Embedded.state)
    Karafka::Embedded.run_until_exit
    sleep 0.01 until File.exist?("#{Diary::DIRECTORY}/done")
  end,
  # Replaced in place, by a program that consumes too
  "exec" => lambda do
    Karafka::Embedded.start
    sleep 0.01 until Dir.glob("#{Diary::DIRECTORY}/journal.*").any?
    Karafka::Embedded.stop
    exec("ruby", __FILE__, "until exit")
  end
}.freeze

PROGRAMS.fetch(ARGV.fetch(0)).call
