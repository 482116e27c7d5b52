# frozen_string_literal: true

require "fileutils"
require "json"
require "securerandom"
require_relative "broker"
require_relative "distribution"
require_relative "ports"
require_relative "properties"
require_relative "security"

module DevKafka
  # One or three brokers under a name. What it is (ports, sizes) is kept in cluster.json, so that a later command,
  # or a start after a crash, finds it as it was.
  class Cluster
    START_DEADLINE_S = 90
    HEAPS = { 1 => "1g", 3 => "512m" }.freeze
    # What makes an existing data directory unusable for a start that asks for something else.
    SHAPE = %i[brokers authorizer secure].freeze

    # Stops and deletes what runs that were killed could not.
    # @param prefix [String] of the clusters' names, which end with the process id of the run that started them
    def self.sweep(root, prefix)
      Dir.glob("#{prefix}-*", base: root).grep(/\A#{Regexp.escape(prefix)}-\d+\z/).each do |name|
        new(root, name).stop(clean: true) unless Processes.alive?(name[/\d+\z/].to_i)
      end
    end

    attr_reader :name

    def initialize(root, name)
      raise Error, "a name is letters, digits, '_' and '-': #{name}" unless name.match?(/\A(?!lib-)[\w-]+\z/)

      @name = name
      @root = root
      @dir = File.join(root, name)
      @distribution = Distribution.new(root)
    end

    # Starts what isn't running, waits until every broker serves and sees all the others.
    # @param wanted [Hash] :brokers, :authorizer, :secure, :ports ("auto" or an Integer base), :partitions, :extra
    def start(wanted)
      @distribution.fetch
      locked do
        next if same_as?(wanted) && ready?

        end_all
        tries = 0
        begin
          prepare(wanted)
          launch
        rescue PortTaken => e
          unless wanted.fetch(:ports) == "auto" && (tries += 1) < 3
            raise Error,
                  "#{e.message}: choose others with --ports"
          end

          retry
        end
      end
    end

    def stop(clean: false)
      return unless File.directory?(@dir)

      locked { end_all }
      FileUtils.rm_rf(@dir) if clean
    end

    # @return [Symbol] :serving, :impaired (some broker is missing or silent) or :stopped
    def status
      return :stopped unless exist? && brokers.any?(&:alive?)

      brokers.all? { |broker| broker.alive? && broker.serves? } ? :serving : :impaired
    end

    def exist? = File.exist?(state_file)
    def bootstrap = brokers.map { |broker| "#{Broker::HOST}:#{broker.port}" }.join(",")
    def sasl_bootstrap = brokers.filter_map { |b| "#{Broker::HOST}:#{b.sasl_port}" if b.sasl_port }.join(",")
    def authorizer? = state.fetch(:authorizer)
    def secure? = state.fetch(:secure, false)

    # @param way [String] as in {Security::MECHANISMS}
    # @return [String] bootstrap.servers of that listener
    def secure_bootstrap(way)
      raise Error, "#{name} has no secure listeners: start it with --secure" unless secure?

      brokers.map { |one| "#{Broker::HOST}:#{one.secure_ports.fetch(Security.listener(way))}" }.join(",")
    end

    # @return [Security] certificates, tokens and settings for clients
    def security = Security.new(@dir, Security::PASSWORDS.merge(state.fetch(:passwords, {}).transform_keys(&:to_s)))

    # Changes a user's password: SCRAM's at once, PLAIN's with a restart of the brokers: their properties have it.
    def change_password(user, password)
      Security::SCRAM.each { |mechanism| configure(*Security.password_options(user, mechanism, password)) }
      locked do
        passwords = state.fetch(:passwords, {}).merge(user.to_sym => password)
        File.write(state_file, JSON.pretty_generate(state.merge(passwords:)))
        end_all
        brokers.each { |one| write_properties(one) }
        launch
      end
    end

    # @return [Array<Broker>]
    def brokers
      state.fetch(:ports).map.with_index(1) { |ports, id| Broker.new(id, File.join(@dir, "broker-#{id}"), ports) }
    end

    def broker(id)
      brokers.find { |broker| broker.id == id } or raise Error, "#{name} has no broker #{id}"
    end

    # Brings one broker of a cluster back, after {Broker#signal} killed it, and waits until the others see it.
    def start_broker(id)
      locked do
        one = broker(id)
        spawn(one) unless one.alive?
        await(one) { one.serves? && brokers.select(&:serves?).all? { |other| other.peers.include?(id) } }
      end
    end

    # Makes a topic and waits until its partitions have leaders, as seen by each live broker.
    def create_topic(topic, partitions:, replication: nil, config: {})
      live = brokers.select(&:serves?)
      raise Error, "#{name} doesn't serve: start it with bin/kafka start" if live.empty?

      Wire.open(Broker::HOST, live.first.port, timeout: 20) do |wire|
        wire.create_topic(topic, partitions:, replication: replication || brokers.size, config:)
      end
      live.each { |one| await(one) { Wire.open(Broker::HOST, one.port) { |wire| wire.led?(topic) } } }
    rescue Wire::Refused => e
      raise Error, "topic #{topic}: #{e.message}"
    end

    # @return [Array<String>] the command that runs one of Kafka's own tools
    def tool(main_class, args) = @distribution.java(main_class, *args, heap: "256m", options: Distribution::BRIEF)

    private

    def state_file = File.join(@dir, "cluster.json")

    def state
      raise Error, "#{name} was never started: bin/kafka start --name #{name}" unless exist?

      JSON.parse(File.read(state_file), symbolize_names: true)
    end

    def same_as?(wanted)
      return false unless exist?

      old = state
      (SHAPE + %i[partitions extra]).all? do |key|
        (old[key] || false) == JSON.parse(JSON.dump(wanted[key]), symbolize_names: true)
      end &&
        (wanted[:ports] == "auto" || old[:ports].first[:client] == wanted[:ports])
    end

    def ready? = brokers.all? { |one| one.alive? && one.peers.size == brokers.size }

    # One command at a time works on a cluster; the lock ends with the process that holds it.
    def locked
      FileUtils.mkdir_p(@dir)
      File.open(File.join(@dir, ".lock"), File::RDWR | File::CREAT) do |lock|
        lock.flock(File::LOCK_EX)
        yield
      end
    end

    def end_all
      leftovers = exist? ? brokers : []
      leftovers.each(&:ask_to_end)
      deadline = now + Broker::TERM_DEADLINE_S
      leftovers.each { |one| one.await_end(deadline) }
    end

    def prepare(wanted)
      discard unless exist? && SHAPE.all? { |key| (state[key] || false) == wanted[key] }
      ports = Ports.choose(wanted)
      id = exist? ? state.fetch(:cluster_id) : new_cluster_id
      passwords = exist? ? state.fetch(:passwords, {}) : {}
      File.write(state_file, JSON.pretty_generate(wanted.merge(ports:, cluster_id: id, passwords:)))
      security.make if secure?
      brokers.each { |one| prepare_broker(one) }
    end

    def prepare_broker(one)
      FileUtils.mkdir_p(one.dir)
      write_properties(one)
      File.write(one.log, "")
      options = secure? ? security.format_options : []
      return if one.formatted? || one.format(@distribution, state.fetch(:cluster_id), options)

      raise Error, "Kafka's StorageTool failed:\n#{one.last_words.join}"
    end

    def write_properties(one)
      File.write(one.properties, Properties.render(one, brokers, state, (security if secure?)))
    end

    # 16 bytes in URL-safe base64; a leading "-" would look like an option to Kafka's format tool.
    def new_cluster_id = SecureRandom.urlsafe_base64(16).sub(/\A-/, "A")

    def configure(*options)
      done = system(*tool("kafka.admin.ConfigCommand", ["--bootstrap-server", bootstrap, *options]), out: File::NULL)
      raise Error, "Kafka's ConfigCommand failed: see its messages above" unless done
    end

    def discard = FileUtils.rm_rf(Dir.glob(File.join(@dir, "*")))

    def launch
      all = brokers
      all.each { |one| spawn(one) }
      await_peers(all)
    rescue StandardError
      end_all
      raise
    end

    def spawn(one)
      one.spawn(@distribution, heap: HEAPS.fetch(brokers.size), java_options: secure? ? security.java_options : [])
    end

    def await_peers(all) = all.each { |one| await(one) { one.peers.size == all.size } }

    def await(one, deadline = now + START_DEADLINE_S)
      until yield
        if now > deadline
          raise Error, "broker #{one.id} of #{name} didn't serve in #{START_DEADLINE_S} s: see #{one.log}"
        end

        explain_end(one) unless one.alive?
        sleep 0.05
      end
    end

    def explain_end(one)
      taken = one.last_words(200).join.match?(/Address already in use/)
      raise PortTaken, "a port of broker #{one.id} is taken by another process" if taken

      raise Error, "broker #{one.id} of #{name} ended:\n#{one.last_words.join}"
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
