# frozen_string_literal: true

module Karafka
  module Embedded
    # Workers and the host's own threads share Active Record's connections. Where there are fewer than threads, some
    # wait for one, and fail when they wait too long.
    #
    # @api private
    module ConnectionPoolCheck
      class << self
        # @param size [Integer, nil] connections in the pool; nil where nothing limits them or nobody uses any
        # @param workers [Integer]
        # @param host [Host]
        # @return [String, nil] what to tell people
        def warning(size = pool_size, workers: App.config.concurrency, host: Embedded.host)
          threads = host.threads || default_threads
          wanted = workers + threads
          return if size.nil? || size >= wanted

          "Active Record's pool has #{size} connections for #{wanted} threads: #{workers} of Karafka " \
            "(config.concurrency) and #{threads} of the host (#{host.name}). Threads that find none wait, and raise " \
            "ActiveRecord::ConnectionTimeoutError after some seconds. Allow #{wanted} in config/database.yml, or " \
            "lower config.concurrency."
        end

        private

        # Asking for the pool connects to nothing
        def pool_size
          return unless defined?(::ActiveRecord::Base)

          size = ::ActiveRecord::Base.connection_pool.size
          size if size&.positive?
        rescue ::ActiveRecord::ActiveRecordError
          nil # No database is configured.
        end

        # What Rails' own configuration of Puma, and of the pool, goes by
        def default_threads
          Integer(ENV.fetch("RAILS_MAX_THREADS", ""), exception: false) || 1
        end
      end
    end
  end
end
