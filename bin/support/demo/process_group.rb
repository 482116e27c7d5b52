# frozen_string_literal: true

module Demo
  # A process and all that it forked
  class ProcessGroup
    # @return [Integer] id of the group, and of its first process
    attr_reader :id

    # @param id [Integer]
    def initialize(id)
      @id = id
    end

    # @return [Array<Integer>] processes that live; one that has ended and waits to be collected does not
    def members
      listing.filter_map { |pid, group, state| pid if group == id && !%w[Z X].include?(state) }
    end

    # @param name [String] of the signal, for all of them
    def signal(name)
      Process.kill(name, -id)
    rescue Errno::ESRCH
      nil # None is left.
    end

    private

    def listing
      File.directory?("/proc/self") ? from_proc : from_ps
    end

    # The command, in parentheses, may hold anything; state, parent and group follow it
    def from_proc
      Dir["/proc/[0-9]*/stat"].filter_map do |path|
        state, _parent, group = File.read(path).rpartition(")").last.split
        [path[/\d+/].to_i, group.to_i, state]
      rescue Errno::ENOENT, Errno::ESRCH
        nil # It ended while the list was read.
      end
    end

    def from_ps
      `ps -A -o pid=,pgid=,stat=`.lines.map do |line|
        pid, group, state = line.split
        [pid.to_i, group.to_i, state[0]]
      end
    end
  end
end
