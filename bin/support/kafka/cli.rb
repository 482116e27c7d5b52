# frozen_string_literal: true

require "optparse"
require_relative "cluster"
require_relative "secure_commands"

module DevKafka
  # The command line of bin/kafka: parses, calls {Cluster}, prints.
  class CLI
    include SecureCommands

    USAGE = <<~TEXT.freeze
      Usage: bin/kafka COMMAND [--name NAME]      Apache Kafka #{Distribution::VERSION} on the loopback, for tests and development

        start [--brokers 1|3] [--authorizer|--secure] [--ports auto|BASE] [--partitions N] [--set KEY=VALUE] [--fresh]
                              starts a cluster, waits until it serves, prints its bootstrap.servers; --secure adds
                              listeners with TLS and SASL, where users need ACLs (`tool acls` gives them)
        stop [--clean] [--all]  stops it; --clean also deletes its data, --all does so for every name
        sweep PREFIX          the same with --clean for each PREFIX-PID that has no such process any more
        status                exit code 0: all brokers serve, 1: some don't, 3: stopped
        bootstrap             prints bootstrap.servers
        client WAY [--user alice|bob]
                              prints a client's settings for a secure listener; a WAY is one of
                              #{Security::MECHANISMS.keys.join(" ")}
        token [--user USER] [--seconds N]  prints a token for OAUTHBEARER
        password USER PASSWORD  changes a user's password on the brokers; they restart
        topic TOPIC [--partitions N] [--replication N] [--set KEY=VALUE]
                              makes a topic and waits until it has leaders
        kill|pause|resume [N] KILL, SIGSTOP or SIGCONT for broker N (1)
        start-broker [N]      brings a killed broker back
        tool topics|groups|acls|configs|features|offsets|consumer ARGS...
                              runs one of Kafka's own tools on it

      #{Broker::JAVA_OPTIONS} has options for the brokers' Java, after our own.

    TEXT
    TOOLS = {
      "topics" => "org.apache.kafka.tools.TopicCommand",
      "groups" => "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
      "acls" => "org.apache.kafka.tools.AclCommand",
      "configs" => "kafka.admin.ConfigCommand",
      "features" => "org.apache.kafka.tools.FeatureCommand",
      "offsets" => "org.apache.kafka.tools.GetOffsetShell",
      "consumer" => "org.apache.kafka.tools.consumer.ConsoleConsumer"
    }.freeze
    SIGNALS = { "kill" => "KILL", "pause" => "STOP", "resume" => "CONT" }.freeze
    EXIT_CODES = { serving: 0, impaired: 1, stopped: 3 }.freeze

    def initialize(root)
      @root = root
      @options = { name: "default", brokers: 1, authorizer: false, secure: false, user: "alice",
                   ports: 9092, extra: {}, replication: nil }
    end

    # @return [Integer] the exit code
    def run(argv)
      # What follows `tool` belongs to the tool, but for our own --name before it.
      argv, @tool_args = split_tool(argv)
      parser.parse!(argv)
      command, *args = argv
      dispatch(command, args)
    rescue OptionParser::ParseError, Error => e
      warn "bin/kafka: #{e.message}"
      2
    end

    private

    def dispatch(command, args)
      case command
      when "start", "stop", "status", "tool" then send(command)
      when "bootstrap" then print_bootstrap
      when "topic" then topic(*args)
      when "sweep" then sweep(*args)
      when *SecureCommands::NAMES then public_send(command, *args)
      when *SIGNALS.keys then signal(command, *args)
      when "start-broker" then cluster.start_broker(Integer(args.first || 1)).then { 0 }
      else
        warn USAGE
        command.nil? || command == "help" ? 0 : 2
      end
    end

    def parser
      OptionParser.new do |on|
        on.banner = USAGE
        on.on("--name NAME") { |value| @options[:name] = value }
        on.on("--brokers N", Integer) { |value| @options[:brokers] = one_of(value, Cluster::HEAPS.keys, "--brokers") }
        on.on("--authorizer") { @options[:authorizer] = true }
        on.on("--secure") { @options[:secure] = true }
        on.on("--user USER") { |value| @options[:user] = value }
        on.on("--seconds N", Integer) { |value| @options[:seconds] = value }
        on.on("--ports PORTS") { |value| @options[:ports] = value == "auto" ? value : Integer(value) }
        on.on("--partitions N", Integer) { |value| @options[:partitions] = value }
        on.on("--replication N", Integer) { |value| @options[:replication] = value }
        on.on("--set KEY=VALUE") { |value| @options[:extra].store(*value.split("=", 2)) }
        on.on("--fresh") { @options[:fresh] = true }
        on.on("--clean") { @options[:clean] = true }
        on.on("--all") { @options[:all] = true }
      end
    end

    def one_of(value, allowed, option)
      allowed.include?(value) ? value : raise(Error, "#{option} is one of #{allowed.join(", ")}")
    end

    def split_tool(argv)
      at = argv.index("tool")
      at ? [argv[..at], argv[(at + 1)..]] : [argv.dup, []]
    end

    def cluster = @cluster ||= Cluster.new(@root, @options[:name])

    def start
      cluster.stop(clean: true) if @options[:fresh]
      cluster.start(@options.slice(:brokers, :authorizer, :secure, :ports, :extra)
                            .merge(partitions: @options[:partitions] || 1))
      print_bootstrap
    end

    def stop
      names = if @options[:all]
                Dir.glob(File.join(@root, "*", "cluster.json")).map do |f|
                  File.basename(File.dirname(f))
                end
              end
      (names&.map { |name| Cluster.new(@root, name) } || [cluster]).each { |one| one.stop(clean: @options[:clean]) }
      0
    end

    def sweep(prefix = nil)
      raise Error, "sweep wants a prefix" unless prefix

      Cluster.sweep(@root, prefix)
      0
    end

    def status
      state = cluster.status
      puts "#{cluster.name}: #{state}#{" at #{cluster.bootstrap}" unless state == :stopped}"
      print_secure_bootstraps unless state == :stopped
      EXIT_CODES.fetch(state)
    end

    def print_bootstrap
      puts "bootstrap.servers=#{cluster.bootstrap}"
      puts "sasl.bootstrap.servers=#{cluster.sasl_bootstrap}" if cluster.authorizer?
      print_secure_bootstraps
      0
    end

    def topic(name = nil)
      raise Error, "topic wants a name" unless name

      cluster.create_topic(name, partitions: @options[:partitions] || 1, replication: @options[:replication],
                                 config: @options[:extra])
      0
    end

    def signal(command, id = "1")
      broker = cluster.broker(Integer(id))
      raise Error, "broker #{id} isn't running" unless broker.signal(SIGNALS.fetch(command))

      broker.await_end(0) if command == "kill"
      0
    end

    def tool
      main = TOOLS[@tool_args.first] or raise Error, "a tool is one of #{TOOLS.keys.join(", ")}"
      exec(*cluster.tool(main, ["--bootstrap-server", cluster.bootstrap, *@tool_args.drop(1)]))
    end
  end
end
