# frozen_string_literal: true

require "json"

module Shop
  # How the processes of the shop are. A request is answered by one of them; the others say once a second how they are,
  # in a file each.
  class Processes
    # Seconds after which a process that says nothing counts as gone
    SILENCE = 5

    # @return [String]
    attr_reader :directory

    # @param directory [String]
    def initialize(directory)
      @directory = directory
    end

    # Karafka.monitor calls these by the names of its events

    def on_statistics_emitted(_event)
      tell
    end

    def on_app_stopping(_event)
      tell
    end

    def on_app_terminated(_event)
      FileUtils.rm_f(file(Process.pid))
    end

    # @return [Array<Hash>] health of each, this process's as it is now
    def all
      others = Dir[file("*")].reject { |path| path == file(Process.pid) }.filter_map { |path| read(path) }
      [Karafka::Embedded.health, *others].sort_by { |health| health.fetch(:process_id) }
    end

    private

    # By a rename: whoever reads it sees the old one or the new one
    def tell
      path = file(Process.pid)
      File.write("#{path}.new", JSON.generate(Karafka::Embedded.health))
      File.rename("#{path}.new", path)
    end

    def read(path)
      JSON.parse(File.read(path), symbolize_names: true) if Time.now - File.mtime(path) < SILENCE
    rescue Errno::ENOENT
      nil # It has just ended.
    end

    def file(process_id)
      File.join(directory, "#{process_id}.json")
    end
  end
end
