# frozen_string_literal: true

module Karafka
  # Methods of the `Karafka` module itself
  module Project
    # @return [Env]
    def env
      @env ||= Env.new
    end

    # @param environment [String, Symbol]
    def env=(environment)
      @env = env.replace(environment.to_s)
    end

    # @return [::Logger]
    def logger
      @logger ||= App.config.logger
    end

    # @return [WaterDrop::Producer]
    def producer
      App.config.producer
    end

    # @return [Instrumentation::Monitor]
    def monitor
      @monitor ||= App.config.monitor
    end

    # Takes logger and monitor from the settings again
    # @api private
    def refresh!
      @logger = nil
      @monitor = nil
    end

    # @return [Boolean] always false: what the paid tier adds is not here
    def pro?
      false
    end

    # @return [Boolean] is Rails there. Set KARAFKA_REQUIRE_RAILS to "false" where it is installed but not meant.
    def rails?
      return @rails if defined?(@rails)
      return true if defined?(::Rails::Railtie)

      @rails = ENV.fetch("KARAFKA_REQUIRE_RAILS", "true") != "false" && rails_loadable?
    end

    # @return [Pathname] root of this gem
    def gem_root
      @gem_root ||= Pathname.new(File.expand_path("../..", __dir__))
    end

    # @return [Pathname] where the files of this gem's `Karafka` are
    def core_root
      @core_root ||= Pathname.new(__dir__)
    end

    # @return [Pathname] root of the application: KARAFKA_ROOT_DIR, else where the outermost Gemfile is, else the
    #   working directory
    def root
      Pathname.new(ENV.fetch("KARAFKA_ROOT_DIR") { gemfile_root || Dir.pwd })
    end

    # @return [Pathname, String] the boot file, or "false" when KARAFKA_BOOT_FILE says there is none
    def boot_file
      named = ENV.fetch("KARAFKA_BOOT_FILE", "karafka.rb")
      named == "false" ? named : root.join(named)
    end

    private

    # Gems that bundle themselves while they run have a Gemfile of their own: the one outside of all of them counts
    def gemfile_root
      return unless defined?(Bundler)

      environment = Bundler.respond_to?(:unbundled_env) ? Bundler.unbundled_env : ENV.to_h
      gemfile = environment["BUNDLE_GEMFILE"] || ENV.fetch("BUNDLE_GEMFILE", nil)
      File.dirname(gemfile) if gemfile && !gemfile.empty?
    end

    def rails_loadable?
      require "rails"
      true
    rescue LoadError
      false
    end
  end
end
