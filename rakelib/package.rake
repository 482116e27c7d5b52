# frozen_string_literal: true

require "rubygems/package"

# The gem as users get it.
module Package
  SPEC = File.join(ROOT, "karafka_embedded.gemspec")
  HOME = File.join(ROOT, "tmp", "gem-home")
  # Only the installed gem: its own directory is the home, the distribution's gems lie behind it.
  ENVIRONMENT = { "GEM_HOME" => HOME, "GEM_PATH" => [HOME, *Gem.default_path].join(":"), "RUBYLIB" => nil }.freeze
  # A broker, a producer, a consumer and a clean stop, with nothing but the installed gem
  SMOKE = <<~RUBY
    require "karafka_embedded"
    abort "the gem was loaded from a checkout" if $LOADED_FEATURES.any? { |file| file.start_with?(ARGV.fetch(0) + "/lib/") }

    GREETINGS = Queue.new
    class GreetingsConsumer < Karafka::BaseConsumer
      def consume = messages.each { |message| GREETINGS << message.payload }
    end

    broker = Karafka::Embedded::Broker.start(topics: { "greetings" => 1 })
    Karafka::App.setup do |config|
      config.kafka = { "bootstrap.servers": broker.bootstrap_servers }
      config.logger = Logger.new(File::NULL)
    end
    Karafka::App.routes.draw { topic("greetings") { consumer GreetingsConsumer } }
    Karafka::Embedded.start
    Karafka.producer.produce_sync(topic: "greetings", payload: '{"hello":"world"}')
    deadline = Time.now + 30
    sleep 0.01 while GREETINGS.empty? && Time.now < deadline
    abort "no message came" if GREETINGS.empty?
    report = Karafka::Embedded.stop
    abort report.to_s unless report.clean?
    puts "karafka_embedded \#{Karafka::Embedded::VERSION} consumed \#{GREETINGS.pop}, \#{report}"
  RUBY

  module_function

  def file = File.join(ROOT, "pkg", Gem::Specification.load(SPEC).file_name)
end

desc "Build the source gem into pkg/"
task :package do
  mkdir_p "pkg", verbose: false
  sh "gem", "build", "--output", Package.file, Package::SPEC
end

namespace :package do
  desc "Install the source gem into a directory of its own, compiling it there, and load it"
  task check: :package do
    rm_rf Package::HOME, verbose: false
    sh Package::ENVIRONMENT, "gem", "install", "--local", "--no-document", Package.file
    Dir.chdir("/") { sh Package::ENVIRONMENT, RbConfig.ruby, "-e", Package::SMOKE, ROOT }
  end
end
