# frozen_string_literal: true

module Karafka
  module Embedded
    # `karafka.rb`, loaded by Rails
    #
    # @api private
    module BootFile
      class << self
        # Loads it, the first time
        # @param rails_root [Pathname] where it is looked for too
        # @raise [Errors::MissingBootFileError]
        def load(rails_root)
          expected = Karafka.boot_file
          return if expected == "false"

          file = [expected, rails_root.join(ENV.fetch("KARAFKA_BOOT_FILE", "karafka.rb"))].find(&:exist?)
          return run(file) if file
          raise Errors::MissingBootFileError, expected unless being_written?
        end

        private

        # A file that raised is loaded again after the next change, and must not find the routes it drew before
        def run(file)
          require file.realpath.to_s
        rescue Exception # rubocop:disable Lint/RescueException -- raised again
          App.routes.clear
          raise
        end

        # A generator may be about to write it; Spring loads the application before it knows what is asked for
        def being_written?
          Tool.generator? || Tool.spring?
        end
      end
    end
  end
end
